/* What the library says of itself. It is no module: Python loads it with ctypes. */
#include <stdint.h>

/* The INTERFACE of __init__.py. */
int64_t initlab_interface(void) { return 3; }

const char *initlab_compiler(void) { return __VERSION__; }
