#include "Call.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "FloatingPointMode.h"
#include "KernelTimes.h"

namespace epas {

bool Operand::is(ElementType type, std::initializer_list<int64_t> dimensions) const {
    if (buffer.type != type || buffer.rank != static_cast<int64_t>(dimensions.size())) return false;
    const int64_t *own = buffer.dimensions;
    for (int64_t dimension : dimensions) {
        if (*own++ != dimension) return false;
    }
    return true;
}

bool Operand::isRows(int64_t rank) const {
    if (type() != ElementType::float32 && type() != ElementType::bfloat16) return false;
    if (this->rank() != rank) return false;
    for (int64_t i = 0; i < rank; ++i) {
        if (dimension(i) < 1) return false;
    }
    return true;
}

int64_t Operand::count() const {
    int64_t count = 1;
    for (int64_t i = 0; i < rank(); ++i) count *= dimension(i);
    return count;
}

bool Operand::hasDimensions(const Operand &other) const {
    return rank() == other.rank()
        && std::equal(buffer.dimensions, buffer.dimensions + rank(), other.buffer.dimensions);
}

Operand Call::buffer(const Buffers &buffers, int64_t index) {
    require(index < buffers.count, "an operand or result is missing");
    require(buffers.kinds[index] == bufferKind, "an operand or result is no buffer");
    return Operand(*static_cast<const Buffer *>(buffers.items[index]));
}

static Refusal missing(const char *name) {
    return Refusal{std::string("the setting ") + name + " is missing or of another type"};
}

const void *Call::setting(const char *name, int32_t kind) const {
    const Attributes &attributes = frame.attributes;
    for (int64_t i = 0; i < attributes.count; ++i) {
        const Bytes &found = *attributes.names[i];
        if (found.count != strlen(name) || memcmp(found.start, name, found.count) != 0) continue;
        if (attributes.kinds[i] != kind) break;
        return attributes.items[i];
    }
    throw missing(name);
}

const void *Call::scalar(const char *name, ElementType type) const {
    const Scalar &scalar = *static_cast<const Scalar *>(setting(name, scalarKind));
    if (scalar.type != type) throw missing(name);
    return scalar.value;
}

float Call::float32(const char *name) const {
    return *static_cast<const float *>(scalar(name, ElementType::float32));
}

double Call::float64(const char *name) const {
    return *static_cast<const double *>(scalar(name, ElementType::float64));
}

int32_t Call::int32(const char *name) const {
    return *static_cast<const int32_t *>(scalar(name, ElementType::int32));
}

bool Call::boolean(const char *name) const {
    return *static_cast<const bool *>(scalar(name, ElementType::boolean));
}

Int64s Call::int64s(const char *name) const {
    const NumberArray &array = *static_cast<const NumberArray *>(setting(name, arrayKind));
    if (array.type != ElementType::int64) throw missing(name);
    return {static_cast<const int64_t *>(array.start), array.count};
}

static Error *error(const Frame *frame, ErrorCode code, const std::string &message) {
    ErrorCreation creation{sizeof(ErrorCreation), nullptr, message.c_str(), code};
    return frame->functions->createError(&creation);
}

Error *answer(const Frame *frame, const char *target, void (*kernel)(const Call &)) {
    for (Extension *extension = frame->extensions; extension; extension = extension->next) {
        if (extension->type != metadataExtension) continue;
        // The plugin asks what this is, once, when the function is registered.
        Metadata *metadata = reinterpret_cast<MetadataExtension *>(extension)->metadata;
        metadata->version.major = 0;
        metadata->version.minor = 1;
        metadata->traits = 0;
        return nullptr;
    }
    if (frame->stage != executionStage) return nullptr;
    const KernelTimes::Call time(target);
    const FloatingPointMode mode;
    // Nothing may be thrown through the plugin.
    try {
        kernel(Call(*frame));
        return nullptr;
    } catch (const Refusal &refusal) {
        return error(
            frame, ErrorCode::invalidArgument, std::string(target) + ": " + refusal.message + ".");
    } catch (const std::bad_alloc &) {
        return error(
            frame, ErrorCode::resourceExhausted, std::string(target) + ": out of memory.");
    }
}

}  // namespace epas
