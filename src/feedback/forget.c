/* forget.c - a person out of the ledger; a file's copy; what holds it together.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "feedback/ledger.h"

typedef struct forgetting {
    rs_text type, id;
    const rs_act *act;
    uint64_t *count;
} forgetting;

/* Texts that name the person: the object of an act, and what somebody wrote as a reason. */
static rs_status blank_trail(rsi_db *db, const forgetting *f, const char *named, rs_error *err)
{
    uint64_t count = 0;
    rs_status status = rsi_db_run(
        db,
        "UPDATE rs_audit SET object = NULL, why = NULL, secret = NULL WHERE object = $1 OR "
        "REPLACE(why, $2, '') <> why",
        RSI_DB_VALUES(rsi_db_string(named), rsi_db_text(f->id)), &count, err);
    *f->count += count;
    return status;
}

static rs_status forget(rsi_db *db, void *context, rs_error *err)
{
    static const char *const by_node[] = {
        "DELETE FROM rs_entry WHERE type = $1 AND id = $2",
        "DELETE FROM rs_member WHERE type = $1 AND id = $2",
        "DELETE FROM rs_outbox WHERE type = $1 AND id = $2",
    };
    rs_status status = RS_OK;
    const forgetting *f = context;
    int64_t revision = 0;
    char *named = NULL;
    char detail[40];
    uint64_t count = 0;
    *f->count = 0;
    RS_TRY(rsi_name_of(&named, f->type, f->id, err));
    RS_TRY(rsi_ledger_next(db, &revision, err));
    for (size_t i = 0; i < sizeof by_node / sizeof *by_node; i++) {
        RS_TRY(rsi_db_run(db, by_node[i], RSI_DB_VALUES(rsi_db_text(f->type), rsi_db_text(f->id)),
                          &count, err));
        *f->count += count;
    }
    RS_TRY(rsi_db_run(db, "DELETE FROM rs_verdict WHERE subject = $1",
                      RSI_DB_VALUES(rsi_db_string(named)), &count, err));
    *f->count += count;
    RS_TRY(blank_trail(db, f, named, err));
    if (*f->count > 0) {
        snprintf(detail, sizeof detail, "rows %" PRIu64, *f->count);
        rsi_deed deed = {.what = "erase", .detail = detail};
        RS_TRY(rsi_audit_add(db, revision, f->act, &deed, err));
    }
done:
    free(named);
    return status;
}

rs_status rs_ledger_erase(rs_ledger *ledger, rs_text type, rs_text id, const rs_act *act,
                          uint64_t *count, rs_error *err)
{
    forgetting f = {.type = type, .id = id, .act = act, .count = count};
    return rsi_db_write(ledger->db, RSI_LEDGER_LOCK, forget, &f, err);
}

rs_status rs_ledger_copy(rs_ledger *ledger, const char *path, rs_error *err)
{
    return rsi_db_copy(ledger->db, path, err);
}

rs_status rs_ledger_check(rs_ledger *ledger, rs_error *err)
{
    return rsi_db_check(ledger->db, err);
}
