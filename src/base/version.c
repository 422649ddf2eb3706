/* version.c - the release of the library that runs.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "ringscope/version.h"

const char *rs_version(void)
{
    return RS_VERSION;
}
