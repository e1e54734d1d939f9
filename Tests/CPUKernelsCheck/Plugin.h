// Calls kernels as a plugin does, without one.

#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../../Sources/CPUKernels/ABI.h"
#include "../../Sources/CPUKernels/Call.h"
#include "../../Sources/CPUKernels/include/CPUKernels.h"

namespace epas {

inline size_t byteCount(ElementType type) {
    switch (type) {
    case ElementType::boolean: case ElementType::int8: return 1;
    case ElementType::bfloat16: return 2;
    default: return 4;
    }
}

/// An array in memory of exactly its size, so that a sanitizer sees what is read beyond it.
struct Array {
    ElementType type;
    std::vector<int64_t> dimensions;
    std::shared_ptr<char> bytes;

    Array(ElementType type, std::vector<int64_t> dimensions)
        : type(type), dimensions(std::move(dimensions)) {
        // What nobody writes is not a number.
        bytes.reset(new char[size()], std::default_delete<char[]>());
        memset(bytes.get(), 0xFF, size());
    }

    int64_t count() const {
        int64_t result = 1;
        for (int64_t dimension : dimensions) result *= dimension;
        return result;
    }
    size_t size() const { return count() * byteCount(type); }
    template <class Element> Element *as() const {
        return reinterpret_cast<Element *>(bytes.get());
    }

    float at(int64_t index) const {
        if (type == ElementType::int8) return as<int8_t>()[index];
        if (type != ElementType::bfloat16) return as<float>()[index];
        const uint32_t bits = uint32_t(as<uint16_t>()[index]) << 16;
        float value;
        memcpy(&value, &bits, 4);
        return value;
    }
    void set(int64_t index, float value) {
        if (type != ElementType::bfloat16) {
            as<float>()[index] = value;
            return;
        }
        uint32_t bits;
        memcpy(&bits, &value, 4);
        as<uint16_t>()[index] = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    }
};

/// splitmix64, Steele, Lea & Flood (2014).
struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    int64_t below(int64_t limit) { return next() % limit; }
    float uniform() { return float(next() >> 40) * 0x1p-23f - 1; }
    Array array(ElementType type, std::vector<int64_t> dimensions, float scale = 1) {
        Array result(type, std::move(dimensions));
        for (int64_t i = 0; i < result.count(); ++i) result.set(i, scale * uniform());
        return result;
    }
};

struct Setting {
    std::string name;
    ElementType type;
    float number = 0;
    bool flag = false;
    int32_t index = 0;
    double wide = 0;
    bool isArray = false;
    std::vector<int64_t> numbers = {};
};

/// Calls the kernel; returns its error's text, or nothing.
inline std::string call(
    const char *target, const std::vector<Array> &operands, const std::vector<Array> &results,
    const std::vector<Setting> &settings = {}
) {
    using Handler = Error *(*)(const Frame *);
    Handler handler = nullptr;
    for (const EPASCPUKernel *kernel = epas_cpu_kernels(); kernel->target; ++kernel) {
        if (strcmp(kernel->target, target) == 0) handler = Handler(kernel->handler);
    }
    if (!handler) return "no such kernel";

    static thread_local std::string message;
    Functions functions{};
    functions.size = sizeof functions;
    functions.createError = [](ErrorCreation *creation) {
        message = creation->message;
        return reinterpret_cast<Error *>(&message);
    };
    std::vector<Buffer> buffers;
    for (const std::vector<Array> *arrays : {&operands, &results}) {
        for (const Array &array : *arrays) {
            buffers.push_back(
                {sizeof(Buffer), nullptr, array.type, array.bytes.get(),
                 int64_t(array.dimensions.size()),
                 const_cast<int64_t *>(array.dimensions.data())});
        }
    }
    std::vector<void *> items;
    for (Buffer &buffer : buffers) items.push_back(&buffer);
    std::vector<int32_t> kinds(buffers.size(), bufferKind);
    std::vector<Bytes> names;
    std::vector<Scalar> scalars;
    std::vector<NumberArray> arrays;
    for (const Setting &setting : settings) {
        names.push_back({setting.name.data(), setting.name.size()});
        const void *value = &setting.number;
        if (setting.type == ElementType::boolean) value = &setting.flag;
        if (setting.type == ElementType::int32) value = &setting.index;
        if (setting.type == ElementType::float64) value = &setting.wide;
        scalars.push_back({setting.type, const_cast<void *>(value)});
        arrays.push_back(
            {setting.type, setting.numbers.size(), const_cast<int64_t *>(setting.numbers.data())});
    }
    std::vector<Bytes *> namePointers;
    std::vector<void *> values;
    std::vector<int32_t> valueKinds;
    for (Bytes &name : names) namePointers.push_back(&name);
    for (size_t i = 0; i < settings.size(); ++i) {
        const bool isArray = settings[i].isArray;
        values.push_back(isArray ? static_cast<void *>(&arrays[i]) : &scalars[i]);
        valueKinds.push_back(isArray ? arrayKind : scalarKind);
    }

    const int64_t count = operands.size(), resultCount = results.size();
    Frame frame{};
    frame.size = sizeof frame;
    frame.functions = &functions;
    frame.stage = executionStage;
    frame.operands = {sizeof(Buffers), nullptr, count, kinds.data(), items.data()};
    frame.results = {
        sizeof(Buffers), nullptr, int64_t(results.size()), kinds.data() + count,
        items.data() + count,
    };
    frame.attributes = {
        sizeof(Attributes), nullptr, int64_t(settings.size()), valueKinds.data(),
        namePointers.data(), values.data(),
    };
    return handler(&frame) ? message : "";
}

}  // namespace epas
