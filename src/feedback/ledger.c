/* ledger.c - opening the ledger.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/try.h"
#include "feedback/ledger.h"

static rs_status ask(void *context, rs_error *err)
{
    return rs_work_report(context, "waiting for the database", "", 0, 0, err);
}

rs_status rs_ledger_open(rs_ledger **out, const char *place, rs_ledger_mode mode,
                         const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger *ledger = calloc(1, sizeof *ledger);
    rsi_db_options options = {.create = mode == RS_LEDGER_WRITE,
                              .ask = {.check = ask, .context = (void *)(uintptr_t)work}};
    if (ledger == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (ledger)");
    }
    ledger->work = work;
    RS_TRY(rsi_db_open(&ledger->db, place, &options, err));
    RS_TRY(rsi_ledger_migrate(ledger->db, mode, err));
    *out = ledger;
    ledger = NULL; /* moved to the caller */
done:
    rs_ledger_close(ledger);
    return status;
}

void rs_ledger_close(rs_ledger *ledger)
{
    if (ledger != NULL) {
        rsi_db_close(ledger->db);
        free(ledger);
    }
}

const char *rs_list_name_text(rs_list_name list)
{
    return list == RS_BLACKLIST ? "blacklist" : "whitelist";
}
