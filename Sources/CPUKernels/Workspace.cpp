#include "Workspace.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace epas {

namespace {

struct Kept {
    uint32_t *memory;
    size_t size;
};

/// As many as there are calls at once, at most; others are given back to the system.
constexpr size_t keptLimit = 2;

std::mutex guard;

std::vector<Kept> &kept() {
    // Never destroyed: other threads may still be computing when the process ends.
    static std::vector<Kept> *kept = new std::vector<Kept>(0);
    return *kept;
}

}  // namespace

Workspace::Workspace(int64_t words) {
    // A large page, so that few addresses have to be looked up.
    constexpr size_t page = size_t(2) << 20;
    const size_t needed = (static_cast<size_t>(words) * sizeof(uint32_t) + page - 1) / page * page;
    {
        std::lock_guard<std::mutex> lock(guard);
        std::vector<Kept> &all = kept();
        all.reserve(keptLimit);
        // The smallest one that is large enough.
        auto best = all.end();
        for (auto it = all.begin(); it != all.end(); ++it) {
            if (it->size >= needed && (best == all.end() || it->size < best->size)) best = it;
        }
        if (best != all.end()) {
            memory = best->memory;
            size = best->size;
            all.erase(best);
            return;
        }
    }
    memory = static_cast<uint32_t *>(aligned_alloc(page, needed));
    if (!memory) throw std::bad_alloc();
    size = needed;
#if defined(__linux__)
    madvise(memory, needed, MADV_HUGEPAGE);
#endif
}

Workspace::~Workspace() {
    uint32_t *surplus = memory;
    {
        std::lock_guard<std::mutex> lock(guard);
        std::vector<Kept> &all = kept();
        if (all.size() < keptLimit) {
            // The vector has room: nothing is thrown here.
            all.push_back({memory, size});
            surplus = nullptr;
        } else {
            const auto smallest = std::min_element(
                all.begin(), all.end(),
                [](const Kept &a, const Kept &b) { return a.size < b.size; });
            if (smallest->size < size) {
                surplus = smallest->memory;
                *smallest = {memory, size};
            }
        }
    }
    free(surplus);
}

}  // namespace epas
