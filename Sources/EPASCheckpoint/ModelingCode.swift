import EPASJSON
import Foundation

/// The Python file with which transformers runs a published model at its region length.
enum ModelingCode {
    static let fileName = "modeling_epas_llama.py"

    /// The file's bytes, which are a resource compiled into this module.
    static var contents: Data { Data(PackageResources.modeling_epas_llama_py) }

    /// The entry `auto_map` of `config.json`. A configuration class of its own keeps a program
    /// that has loaded this model from running every other LLaMA model with this code.
    static var autoMap: JSONValue {
        let module = "modeling_epas_llama"
        return .object([
            ("AutoConfig", .string("\(module).EpasLlamaConfig")),
            ("AutoModelForCausalLM", .string("\(module).EpasLlamaForCausalLM")),
        ])
    }
}
