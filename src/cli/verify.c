/* verify.c - `ringscope verify`: every byte of a store, its runs included, against checksums and
 * invariants.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/verify.h"

/* The first finding of the runs, as an error. */
static rs_status runs_damage(const char *path, const rs_violations *found, rs_error *err)
{
    if (found->count == 0) {
        return RS_OK;
    }
    return rs_fail(err, RS_ECORRUPT, "store \"%s\": %s: %s: %.700s", path, found->kept[0].file,
                   found->kept[0].id, found->kept[0].text);
}

static rs_status run(rsi_call *call, rs_error *err)
{
    const char *path = call->words[0];
    uint64_t damage_count = 0;
    rs_violations found = {0};
    rs_error first = {.status = RS_OK};
    rs_status damage = rs_store_verify(path, call->work, &damage_count, &first);
    rs_status status = RS_OK;
    if (damage == RS_OK || damage == RS_ECORRUPT) {
        RS_TRY(rs_runs_verify(path, call->work, &found, err));
        damage_count += found.count;
    }
    if (damage != RS_OK) {
        *err = first;
        status = damage;
    } else {
        status = runs_damage(path, &found, err);
    }
    if (status == RS_OK) {
        fputs("OK ", call->out);
        rsi_print_text(call->out, rsi_text(path));
        fputc('\n', call->out);
    } else if (status == RS_ECORRUPT && damage_count > 1) {
        first = *err;
        rs_fail(err, status, "%.800s (first of %" PRIu64 " findings)", first.message, damage_count);
    }
done:
    rs_violations_free(&found);
    return rsi_store_status(status, err);
}

const rsi_command rsi_command_verify = {
    .name = "verify",
    .summary = "read every byte of a store and check it",
    .words = "STORE",
    .about = "Read every byte of STORE, the runs that it keeps included, and check each checksum "
             "and invariant.\n"
             "Prints a line that begins with OK, or the first finding on standard error with exit "
             "status 5.",
    .word_min = 1,
    .word_max = 1,
    .run = run,
};
