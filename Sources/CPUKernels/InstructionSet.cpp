#include <cstdlib>
#include <cstring>

#include "Routines.h"
#include "include/CPUKernels.h"

namespace epas {

namespace {

/// The best first.
const Routines *available[] = {
#if defined(__x86_64__)
    &avx512BF16Routines,
    &avx512Routines,
    &avx2Routines,
#endif
    &plainRoutines,
};

bool isSupported(const Routines *routines) {
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
    if (routines == &avx512BF16Routines) {
        return avx512 && __builtin_cpu_supports("avx512bf16");
    }
    if (routines == &avx512Routines) return avx512;
    if (routines == &avx2Routines) return avx2;
#endif
    return true;
}

const Routines *choose() {
    const char *wanted = getenv("EPAS_CPU_ISA");
    const Routines *best = nullptr;
    for (const Routines *routines : available) {
        if (!isSupported(routines)) continue;
        if (!best) best = routines;
        if (wanted && strcmp(wanted, routines->name) == 0) return routines;
    }
    return best;
}

}  // namespace

const Routines &routines() {
    static const Routines *chosen = choose();
    return *chosen;
}

}  // namespace epas

const char *epas_cpu_instruction_set(void) { return epas::routines().name; }
