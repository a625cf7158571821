/* SPDX-License-Identifier: MIT */
/* For programs that write #include "ikcp.h". */
#include <kcp/ikcp.h>
