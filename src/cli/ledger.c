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
#include "report/runs.h"
#include "store/violations.h"

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

rs_status rsi_ledger_heads(const char *store, const char *database, rs_ledger_head **heads,
                           size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_id *ids = NULL;
    size_t run_count = 0;
    *count = 0;
    RS_TRY(rsi_run_list(store, &ids, &run_count, err));
    *heads = calloc(run_count + 1, sizeof **heads);
    if (*heads == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu runs)", run_count);
        goto done;
    }
    for (size_t i = 0; i < run_count; i++) {
        rs_run_info info = {.as_of = 0};
        rs_error damage; /* of the run: another check tells it */
        bool read = rs_run_read(store, &ids[i], &info, &damage) == RS_OK;
        bool same = database == NULL
                        ? info.lists.own
                        : !info.lists.own && strcmp(info.lists.database, database) == 0;
        if (read && info.lists.hash[0] != '\0' && same) {
            rs_ledger_head *head = &(*heads)[(*count)++];
            head->revision = info.lists.head;
            memcpy(head->hash, info.lists.hash, sizeof head->hash);
        }
    }
done:
    free(ids);
    return status;
}

/* Where there is no database of the store's own, *out stays NULL. */
static rs_status open_own(rs_ledger **out, const char *store, const rs_work *work, rs_error *err)
{
    char *place = NULL;
    rs_status status = rsi_ledger_place(store, NULL, &place, err);
    if (status == RS_OK) {
        status = rs_ledger_open(out, place, RS_LEDGER_READ, work, err);
        status = status == RS_ENOTFOUND ? RS_OK : status;
    }
    free(place);
    return status;
}

rs_status rsi_ledger_violations(const char *store, const rs_work *work, rs_violations *list,
                                rs_error *err)
{
    static const char name[] = "lists.sqlite";
    rs_status status = RS_OK;
    rs_ledger *ledger = NULL;
    rs_ledger_head *heads = NULL;
    size_t count = 0;
    rs_audit_result result = {.kept_count = 0};
    rs_error found = {.status = RS_OK};
    RS_TRY(rsi_ledger_heads(store, NULL, &heads, &count, err));
    rs_status whole = open_own(&ledger, store, work, &found);
    if (whole == RS_OK && ledger != NULL) {
        whole = rs_ledger_check(ledger, &found);
    }
    RS_TRY(rsi_violation_note(list, "L-01", name, whole, &found, err));
    if (whole == RS_OK && ledger == NULL && count > 0) {
        RS_TRY(rsi_violation(list, "L-01", name, err, "is missing: a run has read revision %lld",
                             (long long)heads[0].revision));
    }
    if (whole == RS_OK && ledger != NULL) {
        RS_TRY(rs_ledger_verify(ledger, heads, count, &result, err));
    }
    for (size_t i = 0; i < result.kept_count; i++) {
        RS_TRY(rsi_violation(list, "L-02", name, err, "%s", result.kept[i]));
    }
done:
    rs_audit_free(&result);
    rs_ledger_close(ledger);
    free(heads);
    return status;
}

rs_status rsi_ledger_backup(const char *store, const char *to, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger *ledger = NULL;
    char *place = NULL;
    RS_TRY(open_own(&ledger, store, work, err));
    if (ledger != NULL) {
        RS_TRY(rsi_ledger_place(to, NULL, &place, err));
        RS_TRY(rs_ledger_copy(ledger, place, err));
    }
done:
    rs_ledger_close(ledger);
    free(place);
    return rs_context(err, status, "the backup \"%s\" is whole but for its lists", to);
}
