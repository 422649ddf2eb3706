/* profile.h - print what a dry run found (docs/PROFILE.md) for a person.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_PROFILE_H
#define RSI_CLI_PROFILE_H

#include <stdio.h>

#include "ringscope/error.h"

RS_MUST_USE rs_status rsi_print_profile(FILE *out, const char *json, rs_error *err);

#endif
