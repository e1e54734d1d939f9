#define EPAS_ISA plain
#define EPAS_NAME "plain"
#define EPAS_ROUTINES plainRoutines
// What a compiler makes of it differs between processors: SSE2, NEON.
#define EPAS_ROWS 3
#define EPAS_PRODUCT_ROWS 3
#define EPAS_PRODUCT_VECTORS 1
#define EPAS_TILE_ROWS 2
#define EPAS_TILE_VECTORS 1
#define EPAS_QUERIES 2

#include "AllRoutines.h"
