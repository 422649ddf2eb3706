/* ledger.c - opening the database of lists and verdicts; who acts, and when.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/try.h"

rs_status rsi_ledger_place(const char *store, const char *db, char **place, rs_error *err)
{
    *place = NULL;
    int length = db != NULL ? asprintf(place, "%s", db) : asprintf(place, "%s/lists.sqlite", store);
    if (length < 0) {
        *place = NULL;
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    return RS_OK;
}

rs_status rsi_ledger_open(rs_ledger **out, const rsi_call *call, const char *store, const char *db,
                          rs_ledger_mode mode, rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *opened = NULL;
    char *place = NULL;
    *out = NULL;
    RS_TRY(rsi_open_store(&opened, store, err)); /* it is there */
    RS_TRY(rsi_ledger_place(store, db, &place, err));
    status = rs_ledger_open(out, place, mode, call->work, err);
    if (status == RS_ENOTFOUND && db == NULL) {
        *out = NULL;
        status = RS_OK;
    }
done:
    rs_store_close(opened);
    free(place);
    return status;
}

rs_status rsi_act_now(rs_act *act, const char *who, const char *why, rs_error *err)
{
    *act = (rs_act){.who = who, .why = why, .when_unix_s = (int64_t)time(NULL)};
    if (who == NULL || who[strspn(who, " \t")] == '\0') {
        return rs_fail(err, RS_EUSAGE, "\"--by WHO\" is missing: every change is on record");
    }
    if (getrandom(act->secret, sizeof act->secret, 0) != (ssize_t)sizeof act->secret) {
        return rs_fail(err, RS_EIO, "random numbers: %s", strerror(errno));
    }
    return RS_OK;
}
