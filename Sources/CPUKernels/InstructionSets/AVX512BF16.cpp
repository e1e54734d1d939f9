#if defined(__x86_64__)

#define EPAS_ISA avx512bf16
#define EPAS_NAME "avx512bf16"
#define EPAS_ROUTINES avx512BF16Routines
#define EPAS_TARGET "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"
#define EPAS_FMA 1
#define EPAS_BF16_PRODUCTS 1
#define EPAS_ROWS 6
#define EPAS_PRODUCT_ROWS 14
#define EPAS_PRODUCT_VECTORS 2
#define EPAS_TILE_ROWS 4
#define EPAS_TILE_VECTORS 4
#define EPAS_QUERIES 8

#include "AllRoutines.h"

#endif
