import EPASArray
import EPASCheckpoint
import EPASTokenizer
import Foundation

/// The inputs to begin with: what the tests read, and small files of every kind.
struct Seeds {
    /// The folder `Tests`.
    let fixtures: URL

    /// Writes a folder of inputs for each target into `corpora`.
    func write(to corpora: URL) throws {
        let models = fixtures.appending(path: "EPASModelTests/Fixtures")
        for name in ["biased-llama3", "gqa-tied", "mha-untied"] {
            let config = try Data(
                contentsOf: models.appending(path: "\(name)/\(HuggingFaceConfig.fileName)"))
            try add(config, name, to: .config, of: corpora)
        }
        try add(Data(Self.fullConfig.utf8), "full", to: .config, of: corpora)

        let recipes = fixtures.appending(path: "../Recipes")
        for recipe in try FileManager.default.contentsOfDirectory(atPath: recipes.path) {
            let text = try Data(contentsOf: recipes.appending(path: recipe))
            try add(text, recipe, to: .runFile, of: corpora)
        }
        try add(Data(Self.runFile.utf8), "pairs", to: .runFile, of: corpora)

        let tokenizers = fixtures.appending(path: "EPASTokenizerTests/Fixtures")
        for name in ["legacy", "metaspace", "byte-level", "byte-level-added"] {
            let json = try Data(contentsOf: tokenizers.appending(path: "\(name).json"))
            try add(json, name, to: .tokenizerJSON, of: corpora)
        }
        try add(Data(Self.smallTokenizer.utf8), "small", to: .tokenizerJSON, of: corpora)

        let text = "the cat sat on the mat; 12 + 34 == 46\nand then the dog ran to it\n"
        for size in [290, 300] {
            let tokenizer = try SentencePieceTokenizer.train(
                vocabularySize: size, on: [String(repeating: text, count: 20)])
            try add(tokenizer.model, "\(size)", to: .tokenizerModel, of: corpora)
        }
        let pieces = ["ab", "bc", "abc", "\u{2581}a", "\u{2581}\u{2581}", "é", "日本"].map { text in
            [0, UInt8(text.utf8.count), UInt8(text.utf8.count)] + Array(text.utf8)
        }
        for flags in 0..<4 as Range<UInt8> {
            try add(
                Data([flags] + pieces.joined()), "\(flags)", to: .tokenizerPieces, of: corpora)
        }
        let patterns = ["a+|b", "(?i:s)", "\\p{L}+", "[^\r\n]", "(a+)+b", "(?=x)|y*", "<|x|>", "é"]
        for (number, pattern) in patterns.enumerated() {
            let parts = (0..<32).map { [UInt8(4 * $0 + number), UInt8(pattern.utf8.count)] }
                .flatMap { $0 + Array(pattern.utf8) }
            try add(
                Data([UInt8(number)] + parts), "\(number)", to: .tokenizerParts, of: corpora)
            try add(
                Data([UInt8(number)] + parts.prefix(40)), "\(number)-short", to: .tokenizerParts,
                of: corpora)
        }
        for (number, template) in Self.templates.enumerated() {
            try add(Data(template.utf8), "\(number)", to: .template, of: corpora)
        }
        try writeTensors(to: corpora)
    }

    private func writeTensors(to corpora: URL) throws {
        let folder = corpora.appending(path: FuzzTarget.safetensors.rawValue)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write([:], to: folder.appending(path: "empty"), metadata: [:])
        let all = ElementType.allCases.map { type in
            ("t.\(type.rawValue)", HostArray.zeros(Shape(type, [2, 3])))
        }
        try SafetensorsWriter.write(
            Dictionary(uniqueKeysWithValues: all), to: folder.appending(path: "all-types"))
        try SafetensorsWriter.write(
            ["a": HostArray([Float](repeating: 1, count: 4), [4]), "b": HostArray(Float(2))],
            to: folder.appending(path: "two"), metadata: ["format": "pt", "x": "y"])
    }

    private func add(
        _ contents: Data, _ name: String, to target: FuzzTarget, of corpora: URL
    ) throws {
        let folder = corpora.appending(path: target.rawValue)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try contents.write(to: folder.appending(path: name))
    }

    private static let templates = [
        """
        {%- for m in messages if m.role != 'x' -%}
        {{ loop.index ~ m['role'] | upper + ': ' }}{{ m.content | trim }}{% if not loop.last %},
        {% endif %}{%- else -%}nothing{%- endfor +%}
        """,
        """
        {% macro f(a, b=1) %}{{ a }}{{ caller(b) }}{{ varargs }}{{ kwargs }}{% endmacro %}
        {% call(x) f(1, 2, 3, k=4) %}{{ x ** 2 // 3 % 5 }}{% endcall %}{# note #}
        {% set ns = namespace(a=[1, 2.5, 'x'], b={'k': none}) %}{% set ns.a = ns.a[::-1] %}
        """,
        "{{ xs | sort(reverse=true) | map('string') | join('-') }}{{ range(1, 9, 2)[1:] | list }}",
        "{{ 'a%5.2f|%s' % (1.5, [1]) }}{{ '{0}{}'.format(1) }}{{ messages | tojson(indent=2) }}",
        "{% set a, b = 'x,y'.split(',', 1) %}{{ a.replace('x', 'é' * 3, 1).title().find(b) }}",
        "{% raw %}{{ }}{% endraw %}{% filter indent(2) %}a\nb{% endfilter %}{% break %}",
        "{% for i in range(9) %}{% if i is odd %}{% continue %}{% endif %}{{ loop.cycle(1, 2) }}"
            + "{% endfor %}{% with z = 1 %}{{ -z is sameas none }}{% endwith %}",
        "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}",
        "{{ d | dictsort | batch(2, 0) | list }}{{ 1e300 * 1e300 | int }}{{ 7 | round(-1) }}",
    ]

    private static let fullConfig = """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64, \
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 4, \
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "hidden_act": "silu", \
        "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "tie_word_embeddings": false, \
        "rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 2.0}, \
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}, \
        "torch_dtype": "bfloat16", "dtype": "bfloat16", "bos_token_id": 1, \
        "eos_token_id": [2, 3], "pad_token_id": -1, "attention_bias": true, "mlp_bias": true, \
        "epas_shared_activations": "qk", "epas_sharing_layers": 1, "epas_max_sharing_layers": 2, \
        "epas_share": "qk:2<1,3<1", "epas_fixed_sources": true}
        """

    private static let runFile = """
        model: {layers: 4, width: 32, heads: 4, kv_heads: 2, ffn: 48, rope_theta: 1e4, tied: true}
        data: {path: data}
        sharing: {kind: kv, target: pairs, growth: 1, interval: 10}
        training: {steps: 20, batch: 2, sequence: 16, learning_rate: {schedule: wsd, peak: 1e-3}}
        validation: {every: 5, lengths: [0, half, full]}
        """

    private static let smallTokenizer = #"""
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{"id": 5, \#
        "content": "<s>", "single_word": false, "lstrip": false, "rstrip": true, \#
        "normalized": true, "special": true}], "normalizer": {"type": "Sequence", \#
        "normalizers": [{"type": "NFC"}, {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", \#
        "pattern": {"String": " "}, "content": "▁"}]}, "pre_tokenizer": {"type": "Split", \#
        "pattern": {"Regex": "\\p{L}+|\\s"}, "behavior": "Isolated", "invert": false}, \#
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": \#
        "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], \#
        "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}}, "decoder": \#
        {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": \#
        "Strip", "content": " ", "start": 1, "stop": 0}]}, "model": {"type": "BPE", "dropout": \#
        null, "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "vocab": {"<unk>": 0, \#
        "a": 1, "b": 2, "ab": 3, "▁": 4}, "merges": [["a", "b"]]}}
        """#
}
