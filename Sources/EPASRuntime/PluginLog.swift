internal import Foundation

/// Keeps the plugin's own log lines off the terminal.
enum PluginLog {
    static func prepare() {
        if ProcessInfo.processInfo.environment["EPAS_XLA_LOG"] == nil {
            setenv("TF_CPP_MIN_LOG_LEVEL", "3", 0)
        }
    }
}
