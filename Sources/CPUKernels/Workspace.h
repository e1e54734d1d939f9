#pragma once

#include <cstddef>
#include <cstdint>

namespace epas {

/// Memory that a call works in. It is kept for the next call: fresh memory would have to be mapped
/// page by page.
class Workspace {
public:
    /// - Throws: std::bad_alloc
    explicit Workspace(int64_t words);
    ~Workspace();
    Workspace(const Workspace &) = delete;
    Workspace &operator=(const Workspace &) = delete;

    uint32_t *words() const { return memory; }

private:
    uint32_t *memory = nullptr;
    size_t size = 0;
};

}  // namespace epas
