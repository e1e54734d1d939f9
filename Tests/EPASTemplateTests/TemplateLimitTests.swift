import EPASTemplate
import Foundation
import Testing

@Suite("Chat templates: hostile ones")
struct TemplateLimitTests {
    private static let deep = 100_000

    @Test(
        "what would take too much is stopped",
        arguments: [
            (
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "it takes more than 5000000 steps"
            ),
            (
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
                "it goes more than 250 calls and blocks deep"
            ),
            ("{{ range(100001) }}", "a range has more than 100000 numbers"),
            (
                "{{ range(-9223372036854775807, 9223372036854775807) }}",
                "a range has more than 100000 numbers"
            ),
            ("{{ 'a' * 9223372036854775807 }}", "something is repeated to more than 4194304 parts"),
            ("{{ 'ab' * 3000000 }}", "something is repeated to more than 4194304 parts"),
            ("{{ [0] * 4194305 }}", "something is repeated to more than 4194304 parts"),
            (
                "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
                "a text has more than 4194304 characters"
            ),
            (
                "{% set s = 'a' * 4000000 %}{{ s }}{{ s }}{{ s }}{{ s }}{{ s }}",
                "the text has more than 16777216 bytes"
            ),
            (
                "{{ ('é' * 4000000) ~ '' }}{{ 'é' * 4000000 }}{{ 'é' * 4000000 }}",
                "the text has more than 16777216 bytes"
            ),
            ("{{ 'a'.center(9223372036854775807) }}", "a text has more than 4194304 characters"),
            ("{{ 'a' | indent(9223372036854775807) }}", "a text has more than 4194304 characters"),
            ("{{ '%9999999999999999999999s' % 1 }}", "a text has more than 4194304 characters"),
            (
                "{{ ('a' * 3000).replace('', 'b' * 3000) }}",
                "a text has more than 4194304 characters"
            ),
            (
                "{% set ns = namespace(l=[]) %}{% for i in range(200) %}{% set ns.l = [ns.l] %}{% endfor %}",
                "collections are inside each other more than 100 deep"
            ),
            (
                "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
                "it takes more than 5000000 steps"
            ),
            (
                "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l[0] or ns.l == ns.l }}",
                "it takes more than 5000000 steps"
            ),
            (
                "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}",
                "it goes more than 250 calls and blocks deep"
            ),
            ("{{ 9223372036854775807 + 1 }}", "a whole number leaves 64 bits"),
            ("{{ -9223372036854775807 - 2 }}", "a whole number leaves 64 bits"),
            ("{{ 3037000500 * 3037000500 }}", "a whole number leaves 64 bits"),
            ("{{ 10 ** 19 }}", "a whole number leaves 64 bits"),
            ("{{ (-9223372036854775807 - 1) // -1 }}", "a whole number leaves 64 bits"),
            ("{{ (-9223372036854775807 - 1) | abs }}", "a whole number leaves 64 bits"),
            ("{{ 1e30 | int }}", "a whole number leaves 64 bits"),
            ("{{ '99999999999999999999' | int }}", "a whole number leaves 64 bits"),
            ("{{ [1] | batch(9223372036854775807, 0) | list }}", "a batch is too large"),
            ("{{ '%.999f' % 1.5 }}", "a number has too many digits"),
        ])
    func isStopped(source: String, expected: String) {
        #expect(problem(source).hasSuffix(": \(expected)."), "\(problem(source))")
        #expect(problem(source).hasPrefix("The chat template was stopped"))
    }

    @Test(
        "expressions and blocks inside each other are stopped",
        arguments: [
            "{{ " + String(repeating: "(", count: deep) + "1",
            "{{ " + String(repeating: "[", count: deep) + "1",
            "{{ " + String(repeating: "-", count: deep) + "1 }}",
            "{{ " + String(repeating: "not ", count: deep) + "1 }}",
            "{{ 1" + String(repeating: "+1", count: deep) + " }}",
            "{{ 1" + String(repeating: "|abs", count: deep) + " }}",
            "{{ a" + String(repeating: ".a", count: deep) + " }}",
            "{{ a" + String(repeating: "[0]", count: deep) + " }}",
            "{{ 1" + String(repeating: " if 1 else 1", count: deep) + " }}",
            "{{ 1" + String(repeating: " or 1", count: deep) + " }}",
            "{% set " + String(repeating: "(", count: deep) + "a",
            String(repeating: "{% if 1 %}", count: 50000),
            String(repeating: "{% for a in b %}", count: 50000),
            String(repeating: "{% macro a() %}", count: 50000),
        ])
    func depth(source: String) {
        #expect(problem(source).contains("inside each other more than 100 deep"))
    }

    @Test(
        "extreme numbers do not trap",
        arguments: [
            ("'abc'[9223372036854775807:-9223372036854775807:-9223372036854775807]", "c"),
            ("'abc'[-9223372036854775807:9223372036854775807:9223372036854775807]", "a"),
            ("[1][-9223372036854775807 - 1]", ""),
            ("range(9223372036854775806, 9223372036854775807)|list", "[9223372036854775806]"),
            ("range(0, 9223372036854775807, 9223372036854775807)[-1]", "0"),
            ("(-9223372036854775807 - 1) % -1", "0"), ("1 ** 9223372036854775807", "1"),
            ("'a'.find('a', -9223372036854775807 - 1, 9223372036854775807)", "0"),
            ("1e308 * 10", "inf"), ("2.5|round(9223372036854775807)", "2.5"),
            ("2.5|round(-9223372036854775807)", "0.0"), ("7|round(-9223372036854775807)", "0"),
            ("9223372036854775807 == 9223372036854775807.0", "False"),
            ("'a' * -9223372036854775807", ""), ("1e400", "inf"), ("-1e400|string", "-inf"),
            ("{1e300: 1}[1e300]", "1"), ("'a'.split('b', 9223372036854775807)", "['a']"),
            ("'a'.replace('a', 'b', -9223372036854775807 - 1)", "b"),
        ])
    func extremes(source: String, expected: String) throws {
        #expect(try render("{{ \(source) }}").text == expected)
    }

    @Test("the deepest that is read and rendered fits a small stack")
    func smallStack() throws {
        let nested = String(repeating: "(1, ", count: 48) + "1" + String(repeating: ")", count: 48)
        let blocks =
            String(repeating: "{% if 1 %}", count: 95) + "x"
            + String(repeating: "{% endif %}", count: 95)
        let recursion =
            "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ '' }}{% endif %}{% endmacro %}{{ f(9999) }}"
        // What a thread of Foundation has on other systems than Linux.
        final class Results: @unchecked Sendable {
            // @unchecked: read only after the thread has ended.
            var texts: [String] = []
            let done = DispatchSemaphore(value: 0)
        }
        let results = Results()
        let thread = Thread {
            results.texts = ["{{ \(nested) }}", blocks, recursion].map { problem($0) }
            results.done.signal()
        }
        thread.stackSize = 1 << 21
        thread.start()
        results.done.wait()
        #expect(results.texts.count == 3)
        #expect(results.texts.last?.contains("more than 250 calls and blocks deep") == true)
    }

    @Test("limits that are given are kept")
    func givenLimits() {
        var limits = TemplateLimits()
        limits.steps = 10
        #expect(
            problem("{% for i in range(99) %}{% endfor %}", limits: limits)
                == "The chat template was stopped in line 1: it takes more than 10 steps.")
        limits = TemplateLimits()
        limits.sourceBytes = 3
        #expect(
            problem("abcd", limits: limits)
                == "The chat template was stopped: it has more than 3 bytes.")
    }
}
