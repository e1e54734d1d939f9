#include "KernelTimes.h"

#include "include/CPUKernels.h"

namespace epas {

KernelTimes &KernelTimes::shared() {
    // Never destroyed: threads of a plugin may call kernels until the process ends.
    static KernelTimes &times = *new KernelTimes;
    return times;
}

KernelTimes::KernelTimes() {
    size_t count = 0;
    while (epas_cpu_kernels()[count].target) ++count;
    times.resize(count);
}

void KernelTimes::begin() {
    const std::lock_guard<std::mutex> lock(mutex);
    for (Time &time : times) time = {};
    ++counting;
    running = 0;
    last = Clock::now();
    isCounting = true;
}

void KernelTimes::end() {
    const std::lock_guard<std::mutex> lock(mutex);
    if (isCounting) divide();
    isCounting = false;
    // Calls that have not returned belong to no counting any more.
    ++counting;
}

KernelTimes::Time KernelTimes::at(int64_t index) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (isCounting) divide();
    return times[index];
}

void KernelTimes::divide() {
    const Clock::time_point now = Clock::now();
    if (running > 0) {
        const double part = std::chrono::duration<double>(now - last).count() / running;
        for (Time &time : times) time.seconds += part * time.running;
    }
    last = now;
}

void KernelTimes::enter(const char *target, Call &call) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!isCounting) return;
    const EPASCPUKernel *kernels = epas_cpu_kernels();
    for (size_t i = 0; i < times.size(); ++i) {
        if (kernels[i].target == target) call.time = i;
    }
    if (call.time < 0) return;
    call.counting = counting;
    divide();
    ++running;
    ++times[call.time].running;
    ++times[call.time].calls;
}

void KernelTimes::leave(const Call &call) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (call.counting != counting) return;
    divide();
    --running;
    --times[call.time].running;
}

}  // namespace epas

void epas_cpu_kernels_count_times(int counts) {
    epas::KernelTimes &times = epas::KernelTimes::shared();
    counts ? times.begin() : times.end();
}

EPASCPUKernelTime epas_cpu_kernel_time(int index) {
    const epas::KernelTimes::Time time = epas::KernelTimes::shared().at(index);
    return {time.calls, time.seconds};
}
