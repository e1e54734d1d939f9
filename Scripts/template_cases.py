"""Random templates for parity_templates.py."""

import random

CONTEXTS = [
    {
        "n": 3,
        "zero": 0,
        "minus": -7,
        "pi": 3.14159,
        "big": 1e20,
        "small": 2.5e-7,
        "half": 2.5,
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": "",
        "s": "Hello, World",
        "t": "  padded\ttext\n",
        "u": "Grüße, Ωμέγας ΣΑΣ ß 日本 \U0001f600",
        "q": "it's \"quoted\" \\ <b>&amp;</b>",
        "lines": "a\nb\r\n\nc d  e\n",
        "xs": [3, 1, 2, 1],
        "ys": ["b", "A", "c", "a"],
        "mixed": [1, "a", None, 2.5, True, [1], {"k": 1}],
        "none_list": [],
        "d": {"b": 2, "a": 1, "C": 3, "items": "own"},
        "e": {},
        "deep": {"x": {"y": [10, {"z": "end"}]}, "1": "one"},
        "people": [
            {"name": "Ann", "age": 31, "role": "user"},
            {"name": "bob", "age": 25, "role": "tool"},
            {"name": "Cid", "age": 31, "role": "user", "extra": None},
        ],
    }
]
CONTEXTS.append(
    CONTEXTS[0]
    | {
        "n": -2,
        "s": "",
        "t": "x",
        "u": "ǆ ǅ ŉ İ ﬁ \u2028\u00a0\u200b\u0001\u007f",
        "xs": [],
        "ys": ["x"],
        "half": -0.5,
        "pi": 1e16,
        "d": {"k": None},
        "lines": "one",
        "mixed": ["z", "y"],
        "people": [{"name": "Zoe", "age": 1}],
    }
)
NAMES = [*CONTEXTS[0], "missing"]
TEXTS = ["''", "'a'", "'l'", "' '", "'Hello'", "','", "'x-y z'", "'é'", "'\\n'", "'%s|%s'", "'{}-{}'",
         "'name'", "'items'", "'x.y.0'", "'12'", "' 4.5 '", "'0x1f'", "'1_000'", "'ab' 'cd'"]  # fmt: skip
NUMBERS = ["0", "1", "2", "-1", "3", "10", "1.5", "0.1", "1e3", "2_000", "1e-5", "123456.789", "7"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in",
          "and", "or"]  # fmt: skip
PLAIN_FILTERS = ["abs", "capitalize", "count", "dictsort", "e", "escape", "first", "float", "int",
                 "items", "join", "last", "length", "list", "lower", "max", "min", "reverse", "round",
                 "safe", "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper",
                 "wordcount", "default", "d", "indent", "select", "reject", "forceescape",
                 "nosuchfilter"]  # fmt: skip
CALL_FILTERS = ["default({})", "default({}, true)", "d({}, boolean={})", "join({})", "join(', ', 'name')",
                "join(d={}, attribute='age')", "replace({}, {})", "replace({}, {}, 1)", "replace('l', 'L')",
                "trim({})", "indent({})", "indent(2, true)", "indent(width=1, first=true, blank=true)",
                "round({})", "round(1)", "round(2, 'floor')", "round(1, method='ceil')", "round(-1)",
                "int({})", "int(default=5, base=16)", "float({})", "batch(2)", "batch(3, {})", "slice(2)",
                "slice(3, 'f')", "map('upper')", "map(attribute='name')", "map(attribute='age', default=0)",
                "map('default', {})", "map({})", "map('int')", "select('string')", "select('number')",
                "select('gt', {})", "select('in', {})", "reject('none')", "reject('equalto', {})",
                "selectattr('name')", "selectattr('age', '>', 26)", "selectattr('role', 'equalto', 'user')",
                "selectattr('role', 'defined')", "rejectattr('role', 'undefined')", "rejectattr('extra')",
                "sort(reverse=true)", "sort(case_sensitive=true)", "sort(attribute='name')",
                "sort(attribute='age,name')", "sort(true, attribute='age')", "dictsort(by='value')",
                "dictsort(reverse=true)", "dictsort(true)", "unique(attribute='age')", "unique(true)",
                "min(attribute='age')", "max(attribute='name')", "sum('age')", "sum(start={})",
                "sum(attribute='age', start=1)", "tojson(indent=2)", "tojson(indent={})", "tojson(true)",
                "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "tojson(indent='--')",
                "center({})", "center(9)", "format({})", "format({}, {})", "attr('name')", "attr({})",
                "first|upper", "length + {}", "upper({})", "string|length"]  # fmt: skip
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping",
         "sequence", "iterable", "true", "false", "odd", "even", "lower", "upper", "callable", "escaped",
         "divisibleby 3", "divisibleby({})", "eq {}", "equalto {}", "ne({})", "lt {}", "gt({})", "ge 2",
         "le(3)", "in {}", "in [1, 2, 'a']", "== 1", "sameas true", "sameas(none)", "filter",
         "test", "greaterthan 1", "nosuchtest"]  # fmt: skip
METHODS = ["strip()", "strip({})", "lstrip()", "rstrip('\\n')", "lstrip({})", "upper()", "lower()", "title()",
           "capitalize()", "swapcase()", "split()", "split({})", "split(',', 1)", "split(none, 1)",
           "rsplit('l', 1)", "rsplit(none, 1)", "rsplit(maxsplit=0)", "splitlines()", "splitlines(true)",
           "startswith({})", "startswith(('H', 'x'))", "startswith('e', 1)", "endswith({})",
           "endswith('d', 0, -1)", "replace({}, {})", "replace('l', 'LL', 2)", "replace('', '-')", "join(ys)",
           "join({})", "find({})", "find('l', 4)", "rfind('l')", "index('o')", "rindex({})", "count('l')",
           "count({})", "count('')", "isalnum()", "isalpha()", "isdigit()", "isdecimal()", "isnumeric()",
           "isspace()", "islower()", "isupper()", "isascii()", "removeprefix('He')", "removesuffix({})",
           "partition(',')", "rpartition('l')", "partition({})", "ljust(14, '.')", "rjust({})", "center(15)",
           "center(16, '*')", "zfill(14)", "format({}, {})", "keys()", "values()", "items()", "get('a')",
           "get({}, {})", "get('zz', 'preset')", "copy()", "append(1)", "pop()", "update({})", "keys()|list",
           "items()|list", "values()|list", "index({})", "name", "x", "x.y", "x.y[1].z", "items", "upper",
           "real", "__class__", "0", "1.z", "clear()", "sort()"]  # fmt: skip
GLOBALS = ["range({})", "range(1, 4)", "range({}, {})", "range(5, 0, -2)", "range({}, {}, {})",
           "dict(a=1, b={})", "dict({})", "dict(d, z=1)", "namespace(a={}).a", "range(4)[1:]|list",
           "range(3)|join('-')", "dict()", "namespace()"]  # fmt: skip


STRINGS = ["s", "t", "u", "q", "lines", "empty"]
LISTS = ["xs", "ys", "people", "mixed", "none_list"]
DICTS = ["d", "e", "deep", "people[0]"]
STRING_METHODS = [m for m in METHODS if not m.startswith(
    ("keys", "values", "items", "get", "append", "pop", "update", "x", "name", "real", "clear", "sort", "copy", "1", "0"))]
DICT_METHODS = [m for m in METHODS if m.startswith(("keys", "values", "items", "get", "copy", "x", "update"))]
LIST_FILTERS = [f for f in CALL_FILTERS if f.startswith(
    ("join", "map", "select", "reject", "sort", "unique", "min", "max", "sum", "batch", "slice", "tojson"))]
STRING_FILTERS = [f for f in CALL_FILTERS if f.startswith(
    ("default", "replace", "trim", "indent", "int", "float", "center", "format", "tojson"))]


def likely(draw: random.Random) -> str:
    """An expression that has a value more often than not."""

    def literal(pattern: str) -> str:
        while "{}" in pattern:
            pattern = pattern.replace("{}", draw.choice(["'l'", "s", "1", "2", "'a'", "n", "ys", "', '"]), 1)
        return pattern

    match draw.randrange(9):
        case 0:
            return f"{draw.choice(STRINGS)}.{literal(draw.choice(STRING_METHODS))}"
        case 1:
            return f"{draw.choice(DICTS)}.{literal(draw.choice(DICT_METHODS))}"
        case 2:
            ending = draw.choice(["|list", "|join('/')", "|first", "|list|length", "|list|tojson", ""])
            return f"{draw.choice(LISTS)}|{literal(draw.choice(LIST_FILTERS))}{ending}"
        case 3:
            return f"{draw.choice(STRINGS)}|{literal(draw.choice(STRING_FILTERS))}"
        case 4:
            left, right = (draw.choice(["n", "pi", "half", "zero", "minus", "small", "big", *NUMBERS]) for _ in "ab")
            return f"{left} {draw.choice(BINARY[:15])} {right} {draw.choice(['+', '*', '-', '//', '%'])} 3"
        case 5:
            return f"{draw.choice(NAMES)}|{draw.choice(['tojson', 'string', 'default(1)', 'tojson(indent=3)', 'd([])|list'])}"
        case 6:
            parts = [draw.choice(["", "0", "1", "-1", "2", "-3", "99"]) for _ in range(2)]
            step = draw.choice(["", ":", ":2", ":-1", ":-2"])
            return f"{draw.choice(STRINGS + LISTS + ['range(7)'])}[{':'.join(parts)}{step}]"
        case 7:
            return f"{draw.choice(NAMES)} is {draw.choice(['', 'not '])}{literal(draw.choice(TESTS))}"
        case _:
            text = draw.choice(["'%s:%r'", "'%5d|%-5s'", "'%05.2f|%x'", "'%e|%g'", "'%+d %%|%s'", "'%.3s|%10s'"])
            return f"{text} % ({draw.choice(NAMES[:8])}, {draw.choice(NAMES[:14])})"


def fill(draw: random.Random, pattern: str, depth: int) -> str:
    while "{}" in pattern and pattern not in ("'{}-{}'",):
        pattern = pattern.replace("{}", expression(draw, depth - 1), 1)
        if len(pattern) > 400:
            return pattern.replace("{}", "1")
    return pattern


def atom(draw: random.Random) -> str:
    roll = draw.random()
    if roll < 0.55:
        return draw.choice(NAMES)
    if roll < 0.75:
        return draw.choice([text for text in TEXTS if "{}" not in text])
    if roll < 0.92:
        return draw.choice(NUMBERS)
    return draw.choice(["true", "false", "none", "True", "None", "[]", "()"])


def expression(draw: random.Random, depth: int) -> str:
    if depth <= 0:
        return atom(draw)
    if draw.random() < 0.4:
        return likely(draw)
    below = depth - 1
    match draw.randrange(16):
        case 0 | 1:
            return f"{expression(draw, below)} {draw.choice(BINARY)} {expression(draw, below)}"
        case 2:
            return f"({expression(draw, below)} {draw.choice(BINARY)} {expression(draw, below)})"
        case 3 | 4:
            return f"{expression(draw, below)}|{draw.choice(PLAIN_FILTERS)}"
        case 5 | 6:
            return f"{expression(draw, below)}|{fill(draw, draw.choice(CALL_FILTERS), below)}"
        case 7:
            negated = draw.choice(["", "", "not "])
            return f"{expression(draw, below)} is {negated}{fill(draw, draw.choice(TESTS), below)}"
        case 8 | 9:
            return f"{atom(draw)}.{fill(draw, draw.choice(METHODS), below)}"
        case 10:
            return f"{atom(draw)}[{expression(draw, below)}]"
        case 11:
            parts = [draw.choice(["", "", "0", "1", "-1", "2", "-2", "9", "-9"]) for _ in range(3)]
            text = ":".join(parts[: draw.choice([2, 3])])
            return f"{atom(draw)}[{text}]"
        case 12:
            otherwise = draw.choice(["", f" else {expression(draw, below)}"])
            return f"({expression(draw, below)} if {expression(draw, below)}{otherwise})"
        case 13:
            sign = draw.choice(["-", "+", "not ", "not not ", "- "])
            return f"{sign}{expression(draw, below)}"
        case 14:
            items = [expression(draw, below) for _ in range(draw.randrange(4))]
            keys = [draw.choice(["'k'", "1", "'z'", "true", "(1, 2)", "n"]) for _ in items]
            pairs = ", ".join(f"{key}: {item}" for key, item in zip(keys, items))
            return draw.choice(
                [f"[{', '.join(items)}]", f"({', '.join(items)},)" if items else "()", "{" + pairs + "}"]
            )
        case _:
            return fill(draw, draw.choice(GLOBALS), below)


def printed(draw: random.Random, depth: int = 2) -> str:
    return "{{ " + expression(draw, depth) + " }}"


def statement(draw: random.Random, depth: int) -> str:
    inner = lambda: body(draw, depth - 1)  # noqa: E731
    if depth <= 0:
        return printed(draw)
    match draw.randrange(15):
        case 0:
            return f"{{% if {expression(draw, 2)} %}}{inner()}{{% endif %}}"
        case 1:
            return (
                f"{{% if {expression(draw, 1)} %}}{inner()}{{% elif {expression(draw, 1)} %}}"
                f"{inner()}{{% else %}}{inner()}{{% endif %}}"
            )
        case 2 | 3:
            name = draw.choice(["i", "x", "s", "n"])
            loop = draw.choice(["loop.index", "loop.last", "loop.length", "loop.revindex", "loop.first",
                                "loop.index0", "loop.revindex0", "loop.previtem", "loop.nextitem",
                                "loop.cycle('a', 'b')", "loop.depth", "loop.changed(n)", name])  # fmt: skip
            test = draw.choice(["", "", f" if {name}", f" if {expression(draw, 1)}"])
            extra = draw.choice(["", "", "{% break %}", "{% continue %}", "{% if loop.index == 2 %}{% break %}{% endif %}",
                                 "{% if loop.first %}{% continue %}{% endif %}"])  # fmt: skip
            otherwise = draw.choice(["", f"{{% else %}}{inner()}"])
            return (
                f"{{% for {name} in {expression(draw, 1)}{test} %}}{extra}{{{{ {name} }}}}"
                f"{{{{ {loop} }}}};{inner()}{otherwise}{{% endfor %}}"
            )
        case 4:
            target = draw.choice(["a, b", "(a, b)", "a, (b, c)", "k, v"])
            source = draw.choice(["d.items()", "d|items", "people|map('items')", "[(1, 2), (3, 4)]",
                                  "d|dictsort", "[[1, [2, 3]]]", "ys"])  # fmt: skip
            return f"{{% for {target} in {source} %}}{{{{ a }}}}{{{{ k }}}}={{{{ v }}}}{{{{ b }}}},{{% endfor %}}"
        case 5:
            name = draw.choice(["a", "n", "s", "x", "missing"])
            return f"{{% set {name} = {expression(draw, 2)} %}}{{{{ {name} }}}}"
        case 6:
            filters = draw.choice(["", " | upper", " | trim | title"])
            return f"{{% set s{filters} %}}{inner()}{{% endset %}}[{{{{ s }}}}]"
        case 7:
            return (
                f"{{% set ns = namespace(v={expression(draw, 1)}) %}}{{% for i in xs %}}"
                f"{{% set ns.v = {draw.choice(['ns.v', 'i', 'loop.index'])} {draw.choice(BINARY)} i %}}"
                f"{{% endfor %}}{{{{ ns.v }}}}{{{{ ns }}}}"
            )
        case 8:
            return (
                f"{{% macro m(p, q={expression(draw, 1)}) %}}<{{{{ p }}}}/{{{{ q }}}}>{inner()}"
                f"{draw.choice(['', '{{ varargs }}', '{{ kwargs }}', '{{ caller() }}'])}{{% endmacro %}}"
                f"{{{{ m({draw.choice(['', 'n', 'n, s', 'q=n', '1, q=2', '1, 2, 3', 'n, z=2', '*xs'])}) }}}}"
            )
        case 9:
            return (
                f"{{% macro w(a=1) %}}({{{{ caller({draw.choice(['', 'a', 'n'])}) }}}}){{% endmacro %}}"
                f"{{% call{draw.choice(['', '(v)', '(v=2)'])} w({draw.choice(['', 'n'])}) %}}{{{{ v }}}}{inner()}{{% endcall %}}"
            )
        case 10:
            return f"{{% filter {draw.choice(['upper', 'trim|lower', 'replace(s, n)', 'indent'])} %}}{inner()}{{% endfilter %}}"
        case 11:
            return f"{{% with n = {expression(draw, 1)}, z = n %}}{{{{ n }}}}{{{{ z }}}}{inner()}{{% endwith %}}"
        case 12:
            return f"{{% generation %}}{inner()}{{% endgeneration %}}"
        case 13:
            return f"{{% set a, b = {expression(draw, 1)}, {expression(draw, 1)} %}}{{{{ b }}}}{{{{ a }}}}"
        case _:
            return printed(draw)


def body(draw: random.Random, depth: int) -> str:
    return "".join(
        draw.choice([" ", "\n", "x", ""]) + statement(draw, depth) for _ in range(draw.randrange(1, 4))
    )


def random_case(draw: random.Random) -> dict:
    roll = draw.random()
    if roll < 0.35:
        source = "{{ " + likely(draw) + " }}"
    elif roll < 0.65:
        source = printed(draw, draw.choice([1, 2, 2, 3]))
    else:
        source = body(draw, draw.choice([1, 1, 2]))
    return {"template": source, "variables": draw.choice(CONTEXTS)}


WHITE = ["", " ", "  ", "\n", "\n\n", " \n ", "\t", "\r\n", "x", "x ", " y\n", "\u00a0", "{", "}", "%", "#"]


def random_whitespace(draw: random.Random) -> dict:
    """Tags in an order that makes sense, with random signs and white space around them."""

    def tag(pattern: str) -> str:
        signs = [draw.choice(["", "", "-", "+"]) for _ in range(pattern.count("{}"))]
        return pattern.format(*signs)

    def white() -> str:
        return "".join(draw.choice(WHITE) for _ in range(draw.randrange(3)))

    groups = [
        ["{{%{} if yes {}%}}", "{{%{} endif {}%}}"],
        ["{{%{} if no {}%}}", "{{%{} else {}%}}", "{{%{} endif {}%}}"],
        ["{{{{{} n {}}}}}"],
        ["{{#{} note {}#}}"],
        ["{{%{} raw {}%}}", "{{%{} endraw {}%}}"],
        ["{{%{} set a = 1 {}%}}"],
        ["{{%{} for i in xs {}%}}", "{{%{} endfor {}%}}"],
    ]
    text = white()
    for _ in range(draw.randrange(1, 5)):
        for pattern in draw.choice(groups):
            text += tag(pattern) + white()
    return {"template": text, "variables": {"yes": True, "no": False, "n": 3, "xs": [1, 2]}}
