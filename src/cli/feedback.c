/* feedback.c - `ringscope feedback`: what a run found becomes suspected, what people confirmed goes
 * on the blacklist, and other systems are told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cases.h"
#include "cli/feedback.h"
#include "cli/ledger.h"

typedef struct options {
    const char *db;
    const char *by;
    const char *note;
    const char *outbox;
    const char *undo;
    bool dry_run;
} options;

static const rsi_option table[] = {
    {.name = "db",
     .value = RSI_WORD,
     .argument = "PLACE",
     .offset = offsetof(options, db),
     .help = RSI_DB_HELP},
    {.name = "by",
     .value = RSI_WORD,
     .argument = "WHO",
     .offset = offsetof(options, by),
     .help = RSI_BY_HELP "; default ringscope"},
    {.name = "note",
     .value = RSI_WORD,
     .argument = "TEXT",
     .offset = offsetof(options, note),
     .help = RSI_NOTE_HELP},
    {.name = "dry-run",
     .value = RSI_FLAG,
     .offset = offsetof(options, dry_run),
     .help = "tell what it would come to, change nothing and tell nobody"},
    {.name = "outbox",
     .value = RSI_WORD,
     .argument = "FILE",
     .offset = offsetof(options, outbox),
     .help = "then append what other systems have not been told yet, as JSON Lines"},
    {.name = "undo",
     .value = RSI_WORD,
     .argument = "RUN",
     .offset = offsetof(options, undo),
     .help = "take back what was fed back for that run, instead"},
    {0},
};

static const options defaults = {.by = RSI_FEEDBACK_BY};

typedef struct night {
    rs_run_id run;
    rsi_kept_case *cases;
    rs_case *abouts;
    size_t count, room;
} night;

static void free_night(night *n)
{
    for (size_t i = 0; i < n->count; i++) {
        rsi_ring_case_free(&n->cases[i]);
    }
    free(n->cases);
    free(n->abouts);
}

static rs_status keep_case(night *n, const rs_cluster *cluster, int64_t as_of, rs_error *err)
{
    rs_status status = RS_OK;
    if (n->count == n->room) {
        size_t room = n->room == 0 ? 64 : 2 * n->room;
        rsi_kept_case *cases = realloc(n->cases, room * sizeof *cases);
        if (cases == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", room);
        }
        n->cases = cases;
        n->room = room;
    }
    RS_TRY(rsi_ring_case(&n->cases[n->count], cluster, &n->run, as_of, err));
    n->count++;
done:
    return status;
}

static rs_status choose_run(const rsi_call *call, rs_run_id *run, rs_error *err)
{
    if (call->word_count < 2) {
        return rs_run_latest(call->words[0], run, err);
    }
    if (strlen(call->words[1]) != RS_RUN_ID_LENGTH ||
        strspn(call->words[1], "0123456789abcdef") != RS_RUN_ID_LENGTH) {
        return rs_fail(err, RS_EUSAGE, "\"%.100s\" is no run: expected %d hex digits",
                       call->words[1], RS_RUN_ID_LENGTH);
    }
    memcpy(run->text, call->words[1], sizeof run->text);
    return RS_OK;
}

/* The suspects of the run; they stand first in its report. */
static rs_status read_night(night *n, const char *store, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    const rs_cluster *cluster = NULL;
    rs_run_info info;
    char *path = rs_run_path(store, &n->run, RS_RUN_REPORT);
    if (path == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(rs_run_read(store, &n->run, &info, err));
    RS_TRY(rs_run_check(store, &n->run, RS_RUN_REPORT, err));
    RS_TRY(rs_report_open(&report, path, err));
    for (;;) {
        RS_TRY(rs_report_next(report, &cluster, err));
        if (cluster == NULL || cluster->score < RS_SUSPECT) {
            break;
        }
        RS_TRY(keep_case(n, cluster, info.as_of, err));
    }
    n->abouts = calloc(n->count + 1, sizeof *n->abouts);
    if (n->abouts == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (%zu rings)", n->count);
        goto done;
    }
    for (size_t i = 0; i < n->count; i++) {
        n->abouts[i] = n->cases[i].about;
        n->abouts[i].evidence_hash = n->cases[i].hash; /* the array may have moved */
    }
done:
    rs_report_close(report);
    free(path);
    return status;
}

static void print(const rsi_call *call, const rsi_fed *fed)
{
    const options *o = call->options;
    const rs_feedback_result *result = &fed->result;
    FILE *out = call->out;
    if (call->quiet) {
        return;
    }
    fputs(o->dry_run ? "dry run: " : "", out);
    if (o->undo != NULL) {
        fprintf(out, "taken off the blacklist: %" PRIu64 ", suspicions withdrawn: %" PRIu64 "\n",
                result->removed_count, result->suspected_count);
    } else {
        fprintf(out,
                "rings newly suspected: %" PRIu64 ", quiet: %" PRIu64 ", confirmed: %" PRIu64 "\n",
                result->suspected_count, result->quiet_count, result->confirmed_count);
        fprintf(out,
                "members put on the blacklist: %" PRIu64
                ", left out as cleared or whitelisted: %" PRIu64 "\n",
                result->added_count, result->cleared_count);
    }
    if (result->revision > 0) {
        fprintf(out, "revision: %" PRId64 "\n", result->revision);
    }
    if (fed->told) {
        fprintf(out, "outbox: %" PRIu64 " lines\n", fed->line_count);
    }
}

rs_status rsi_feed_back(const rsi_call *call, const rsi_feeding *what, rsi_fed *fed, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger *ledger = NULL;
    night n = {.cases = NULL};
    rs_act act;
    const char *store = call->words[0];
    *fed = (rsi_fed){.line_count = 0};
    RS_TRY(rsi_check_file(what->outbox, "--outbox", err));
    RS_TRY(rsi_act_now(&act, what->by, what->note, err));
    if (what->undo == NULL) {
        n.run = what->run;
        RS_TRY(read_night(&n, store, err));
    }
    status = rsi_ledger_open(&ledger, call, store, what->db,
                             what->trial ? RS_LEDGER_READ : RS_LEDGER_WRITE, err);
    status = status == RS_ENOTFOUND && what->trial ? RS_OK : status;
    RS_TRY(status);
    if (ledger == NULL) { /* a trial, and no database yet */
        fed->result.suspected_count = n.count;
        goto done;
    }
    RS_TRY(what->undo != NULL ? rs_ledger_undo(ledger, what->undo, &act, &fed->result, err)
                              : rs_ledger_feedback(ledger, n.run.text, n.abouts, n.count,
                                                   what->trial, &act, &fed->result, err));
    if (what->outbox != NULL && !what->trial) {
        RS_TRY(rs_ledger_deliver(ledger, what->outbox, &fed->line_count, err));
        fed->told = true;
    }
done:
    rs_ledger_close(ledger);
    free_night(&n);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_feeding what = {.db = o->db,
                        .by = o->by,
                        .note = o->note,
                        .outbox = o->outbox,
                        .undo = o->undo,
                        .trial = o->dry_run};
    rsi_fed fed;
    if (o->undo != NULL && (o->dry_run || call->word_count > 1)) {
        return rs_fail(err, RS_EUSAGE, "--undo RUN stands alone");
    }
    if (o->undo == NULL) {
        RS_TRY(choose_run(call, &what.run, err));
    }
    status = rsi_feed_back(call, &what, &fed, err);
    if (status == RS_OK || fed.result.revision > 0) { /* done, though the outbox may have failed */
        print(call, &fed);
    }
done:
    return status;
}

const rsi_command rsi_command_feedback = {
    .name = "feedback",
    .summary = "put what people confirmed on the blacklist, note what a run suspects",
    .words = "STORE [RUN] [options]",
    .about =
        "Rings of the latest run (or RUN) with a score of 0.5 and more are noted as suspected;\n"
        "members of rings that people confirmed, as they saw them, go on the blacklist. Nothing\n"
        "that a machine found does. One transaction; done twice is done once.",
    .word_min = 1,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
