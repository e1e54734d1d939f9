// What the benchmarks of the kernels take times with.

#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

template <class Body> double seconds(const Body &body) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    body();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double median(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}
