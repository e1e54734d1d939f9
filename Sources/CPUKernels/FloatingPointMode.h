#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace epas {

/// How the thread computes while this exists: rounding to nearest, and numbers too small to be
/// normal taken for zero, as the compiled programs do it.
///
/// The plugin's threads are in that mode while they run a program, and threads of our own would not
/// be: a result must not depend on which of them computes it.
class FloatingPointMode {
public:
    FloatingPointMode() : before(get()) { set(wanted); }
    ~FloatingPointMode() { set(before); }
    FloatingPointMode(const FloatingPointMode &) = delete;
    FloatingPointMode &operator=(const FloatingPointMode &) = delete;

private:
#if defined(__x86_64__)
    // All exceptions masked, results flushed to zero, operands taken for zero.
    static constexpr uint64_t wanted = 0x1F80 | 0x8000 | 0x0040;
    static uint64_t get() { return _mm_getcsr(); }
    static void set(uint64_t mode) { _mm_setcsr(static_cast<uint32_t>(mode)); }
#elif defined(__aarch64__)
    static constexpr uint64_t wanted = uint64_t(1) << 24;
    static uint64_t get() {
        uint64_t mode;
        asm volatile("mrs %0, fpcr" : "=r"(mode));
        return mode;
    }
    static void set(uint64_t mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
    static constexpr uint64_t wanted = 0;
    static uint64_t get() { return 0; }
    static void set(uint64_t) {}
#endif

    const uint64_t before;
};

}  // namespace epas
