// A call of a kernel, as its function sees it: operands, results and settings, checked.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ABI.h"

namespace epas {

/// A brain floating-point number: the upper half of a float's bits.
struct BFloat16 {
    uint16_t bits;
};

/// Thrown by kernels for a call that they cannot answer; what it says reaches the program's caller.
struct Refusal {
    std::string message;
};

/// An operand or a result: row-major memory.
class Operand {
public:
    explicit Operand(const Buffer &buffer) : buffer(buffer) {}

    ElementType type() const { return buffer.type; }
    int64_t rank() const { return buffer.rank; }
    int64_t dimension(int64_t index) const { return buffer.dimensions[index]; }
    void *data() const { return buffer.data; }

    template <class Element> Element *as() const { return static_cast<Element *>(buffer.data); }

    /// The number of elements.
    int64_t count() const;

    /// Whether the other one has the same dimensions.
    bool hasDimensions(const Operand &other) const;

    /// Whether this holds elements of that type in those dimensions.
    bool is(ElementType type, std::initializer_list<int64_t> dimensions) const;

    /// Whether this holds at least one row of float32 or bfloat16 numbers.
    bool isRows(int64_t rank) const;

    /// Whether this holds a matrix of at least one number, of any type.
    bool isMatrix() const {
        return rank() == 2 && dimension(0) >= 1 && dimension(1) >= 1;
    }

private:
    const Buffer &buffer;
};

/// The numbers of a setting.
struct Int64s {
    const int64_t *start;
    size_t count;

    const int64_t *begin() const { return start; }
    const int64_t *end() const { return start + count; }
};

/// What a plugin passes to a kernel's function.
class Call {
public:
    explicit Call(const Frame &frame) : frame(frame) {}

    int64_t operandCount() const { return frame.operands.count; }
    Operand operand(int64_t index) const { return buffer(frame.operands, index); }
    int64_t resultCount() const { return frame.results.count; }
    Operand result(int64_t index = 0) const { return buffer(frame.results, index); }

    /// - Throws: Refusal if there is no such setting of that type.
    float float32(const char *name) const;
    double float64(const char *name) const;
    int32_t int32(const char *name) const;
    bool boolean(const char *name) const;
    Int64s int64s(const char *name) const;

private:
    static Operand buffer(const Buffers &buffers, int64_t index);
    const void *setting(const char *name, int32_t kind) const;
    const void *scalar(const char *name, ElementType type) const;

    const Frame &frame;
};

/// Refuses a call whose operands do not fit.
inline void require(bool holds, const char *message) {
    if (!holds) throw Refusal{message};
}

/// Answers a plugin's call of a function by the kernel.
Error *answer(const Frame *frame, const char *target, void (*kernel)(const Call &));

}  // namespace epas
