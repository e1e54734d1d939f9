// zstd's own header, from the system's development package.
#include <zstd.h>
