// The part of XLA's foreign function interface, version 0.1, that the kernels use. The plugin
// accepts no newer version than its own, so these are our declarations of the structs whose layout
// has been the same since that version.
//
// Source: xla/ffi/api/c_api.h, <https://github.com/openxla/xla/blob/f4d624b6811c/xla/ffi/api/c_api.h>

#pragma once

#include <cstddef>
#include <cstdint>

namespace epas {

struct Extension {
    size_t size;
    int32_t type;
    Extension *next;
};

/// The type of the extension that asks for ``Metadata``.
constexpr int32_t metadataExtension = 1;

struct Version {
    size_t size;
    Extension *extensions;
    int32_t major;
    int32_t minor;
};

struct Metadata {
    size_t size;
    Version version;
    uint32_t traits;
};

struct MetadataExtension {
    Extension base;
    Metadata *metadata;
};

/// XLA's numbers of the element types.
enum class ElementType : int32_t {
    boolean = 1,
    int8 = 2,
    int32 = 4,
    int64 = 5,
    float32 = 11,
    float64 = 12,
    bfloat16 = 16,
};

struct Buffer {
    size_t size;
    Extension *extensions;
    ElementType type;
    void *data;
    int64_t rank;
    int64_t *dimensions;
};

/// Operands or results.
struct Buffers {
    size_t size;
    Extension *extensions;
    int64_t count;
    int32_t *kinds;
    void **items;
};

/// The only kind of operand and of result there is.
constexpr int32_t bufferKind = 1;

struct Bytes {
    const char *start;
    size_t count;
};

struct Scalar {
    ElementType type;
    void *value;
};

struct NumberArray {
    ElementType type;
    size_t count;
    void *start;
};

struct Attributes {
    size_t size;
    Extension *extensions;
    int64_t count;
    int32_t *kinds;
    Bytes **names;
    void **items;
};

constexpr int32_t arrayKind = 1;
constexpr int32_t scalarKind = 3;

/// An error object, which belongs to the plugin.
struct Error;

enum class ErrorCode : int32_t {
    invalidArgument = 3,
    resourceExhausted = 8,
};

struct ErrorCreation {
    size_t size;
    Extension *extensions;
    const char *message;
    ErrorCode code;
};

struct Functions {
    size_t size;
    Extension *extensions;
    Version version;
    const void *internal;
    Error *(*createError)(ErrorCreation *);
};

struct Frame {
    size_t size;
    Extension *extensions;
    const Functions *functions;
    void *context;
    int32_t stage;
    Buffers operands;
    Buffers results;
    Attributes attributes;
};

constexpr int32_t executionStage = 3;

static_assert(offsetof(MetadataExtension, metadata) == 24 && offsetof(Metadata, traits) == 32);
static_assert(sizeof(Buffer) == 48 && offsetof(Buffer, dimensions) == 40);
static_assert(offsetof(Functions, createError) == 48);
static_assert(offsetof(Frame, operands) == 40 && offsetof(Frame, results) == 80);
static_assert(offsetof(Frame, attributes) == 120 && sizeof(Frame) == 168);

}  // namespace epas
