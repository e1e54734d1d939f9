// Functions for the CPU behind XLA's foreign function interface: what EPASRuntime needs to hand
// them to a plugin.

#ifndef EPAS_CPU_KERNELS_H
#define EPAS_CPU_KERNELS_H

#ifdef __cplusplus
extern "C" {
#endif

/// A function that programs call by its target's name.
typedef struct {
    const char *target;
    /// An XLA_FFI_Handler.
    void *handler;
} EPASCPUKernel;

/// The functions, ended by one without a name.
const EPASCPUKernel *epas_cpu_kernels(void);

/// Changes whenever a function's operands, settings or meaning change.
int epas_cpu_kernels_version(void);

/// The instruction set that the functions use: avx512bf16, avx512, avx2 or plain; the best one that
/// the processor has and, where EPAS_CPU_ISA names one, that is not beyond it.
const char *epas_cpu_instruction_set(void);

/// Sets the number of threads that work on a call, the calling one included; 1 to begin with.
/// Results do not depend on it. Threads that cannot be started are done without.
void epas_cpu_set_threads(int threads);

/// What the calls of a function took.
typedef struct {
    long long calls;
    /// While several calls run at once, each of them is given an equal part of the time.
    double seconds;
} EPASCPUKernelTime;

/// Begins to count the time of calls, from zero, or ends it.
void epas_cpu_kernels_count_times(int counts);

/// The calls, since the counting began, of the function with that index in `epas_cpu_kernels`.
EPASCPUKernelTime epas_cpu_kernel_time(int index);

/// Floating-point operations in a second, on all threads, of dot products whose operands stay in
/// registers: what products could reach at most. The best run of those that take `seconds` together.
double epas_cpu_arithmetic_speed(int is_bfloat16, double seconds);

/// Bytes in a second that all threads read from memory, `bytes` in all; 0 if there are not as many.
double epas_cpu_reading_speed(long long bytes);

#ifdef __cplusplus
}
#endif

#endif
