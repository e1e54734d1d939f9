internal import Foundation

/// Keeps the plugin's own log lines off the terminal.
enum PluginLog {
    /// Runs before a plugin is loaded, which reads the level while it is loaded.
    ///
    /// What XLA has to say to users comes back as errors; its log is for its developers. So only
    /// the last words of a process that XLA stops are let through (level 3), unless
    /// `EPAS_XLA_LOG` is set, which shows everything, or `TF_CPP_MIN_LOG_LEVEL` is set, which is
    /// left as it is.
    static func prepare() {
        let environment = ProcessInfo.processInfo.environment
        if (environment["EPAS_XLA_LOG"] ?? "").isEmpty {
            setenv("TF_CPP_MIN_LOG_LEVEL", "3", 0)
        }
    }
}
