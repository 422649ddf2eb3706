/* profile.h - print what a dry run found (docs/PROFILE.md), for a person or as it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_CLI_PROFILE_H
#define RSI_CLI_PROFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "ringscope/error.h"

/* *any_bad: some row would have been rejected. RS_ENOMEM. */
RS_MUST_USE rs_status rsi_print_profile(FILE *out, const char *json, bool as_json, bool *any_bad,
                                        rs_error *err);

#endif
