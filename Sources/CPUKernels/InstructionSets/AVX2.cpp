#if defined(__x86_64__)

#define EPAS_ISA avx2
#define EPAS_NAME "avx2"
#define EPAS_ROUTINES avx2Routines
#define EPAS_TARGET "avx2,fma"
#define EPAS_FMA 1
#define EPAS_ROWS 1
#define EPAS_PRODUCT_ROWS 6
#define EPAS_PRODUCT_VECTORS 1
#define EPAS_TILE_ROWS 4
#define EPAS_TILE_VECTORS 1
#define EPAS_QUERIES 2

#include "AllRoutines.h"

#endif
