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

#ifdef __cplusplus
}
#endif

#endif
