import Foundation

/// How the C library's allocator treats the memory of a training step.
///
/// XLA allocates a step's temporary memory, a gigabyte at 125M parameters, anew in every step, and
/// the system hands it out and clears it page by page: 4 KiB at a time, a third of a million times a
/// step, unless huge pages are asked for. glibc asks for them where a setting says so, which it
/// reads only when a process begins; so this one begins once more.
enum TrainingMemory {
    /// https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
    ///
    /// Its settings that keep freed memory instead save another tenth of the page faults' time, but
    /// the step's memory then grew to twice as much within a few steps.
    private static let tunables = "glibc.malloc.hugetlb=1"

    /// Starts the program anew with huge pages, unless the environment has settings already. Other C
    /// libraries pass them over.
    static func useHugePages() {
        #if os(Linux)
            guard getenv("GLIBC_TUNABLES") == nil else { return }
            setenv("GLIBC_TUNABLES", tunables, 1)
            execv("/proc/self/exe", CommandLine.unsafeArgv)
        // Where that fails, everything works but for the speed.
        #endif
    }
}
