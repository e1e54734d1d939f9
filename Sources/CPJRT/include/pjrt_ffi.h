// The extension through which a plugin takes functions of its caller: our declarations of the part
// that we use, because the plugin's package has no header for it.
//
// Source: xla/pjrt/c/pjrt_c_api_ffi_extension.h,
// <https://github.com/openxla/xla/blob/f4d624b6811c/xla/pjrt/c/pjrt_c_api_ffi_extension.h>

#ifndef EPAS_PJRT_FFI_H
#define EPAS_PJRT_FFI_H

#include "pjrt_c_api.h"

struct EPAS_PJRT_FFI_Register_Handler_Args {
    size_t struct_size;
    const char *target_name;
    size_t target_name_size;
    void *handler;
    const char *platform_name;
    size_t platform_name_size;
    int traits;
};
PJRT_DEFINE_STRUCT_TRAITS(EPAS_PJRT_FFI_Register_Handler_Args, traits);

typedef struct {
    PJRT_Extension_Base base;
    void *type_register;
    void *user_data_add;
    PJRT_Error *(*register_handler)(EPAS_PJRT_FFI_Register_Handler_Args *args);
} EPAS_PJRT_FFI_Extension;

#endif
