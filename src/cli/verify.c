/* verify.c - `ringscope verify`: every byte of a store against its checksums and invariants.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "cli/cli.h"

static rs_status run(rsi_call *call, rs_error *err)
{
    const char *path = call->words[0];
    uint64_t damage_count = 0;
    rs_status status = rs_store_verify(path, call->work, &damage_count, err);
    if (status == RS_OK) {
        fputs("OK ", call->out);
        rsi_print_text(call->out, rsi_text(path));
        fputc('\n', call->out);
    } else if (status == RS_ECORRUPT && damage_count > 1) {
        rs_error first = *err;
        rs_fail(err, status, "%.800s (first of %" PRIu64 " findings)", first.message, damage_count);
    }
    return rsi_store_status(status, err);
}

const rsi_command rsi_command_verify = {
    .name = "verify",
    .summary = "read every byte of a store and check it",
    .words = "STORE",
    .about = "Read every byte of STORE and check each checksum and invariant. Prints a line that "
             "begins with\n"
             "OK, or the first finding on standard error with exit status 5.",
    .word_min = 1,
    .word_max = 1,
    .run = run,
};
