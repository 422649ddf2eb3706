/* verdict.c - `ringscope verdict`: what a person decides about a ring or an account, and where each
 * case stands.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cases.h"
#include "cli/ledger.h"
#include "ringscope/graph.h"

enum { FORMAT_TEXT, FORMAT_JSON };
enum { EYES_ASK, EYES_ON, EYES_OFF };
#define NO_GROWTH UINT64_MAX

typedef struct options {
    const char *db;
    const char *by;
    const char *note;
    uint64_t quiet_growth;
    int four_eyes;
    int format;
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
     .help = RSI_BY_HELP},
    {.name = "note",
     .value = RSI_WORD,
     .argument = "TEXT",
     .offset = offsetof(options, note),
     .help = RSI_NOTE_HELP},
    {.name = "four-eyes",
     .value = RSI_CHOICE,
     .argument = "as-is|on|off",
     .offset = offsetof(options, four_eyes),
     .help = "from now on two different people have to confirm, or one; at first it is on"},
    {.name = "quiet-growth",
     .value = RSI_COUNT,
     .argument = "PERCENT",
     .offset = offsetof(options, quiet_growth),
     .help = "from now on a cleared ring stays quiet until its evidence has grown by that much; at "
             "first 50",
     .min = 0,
     .max = 1e6},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "how to print verdicts; json is an object a line; default text"},
    {0},
};

static const options defaults = {.quiet_growth = NO_GROWTH};

/* ---- printing -------------------------------------------------------------------------------- */

typedef struct printing {
    FILE *out;
    rsi_table *cells; /* NULL: JSON */
    size_t count;
} printing;

static void put_json(FILE *out, const char *key, rs_text text)
{
    if (text.length > 0) {
        fprintf(out, ",\"%s\":", key);
        rsi_print_json_text(out, text);
    }
}

static rs_status print_line(void *context, const rs_verdict_line *line, rs_error *err)
{
    printing *p = context;
    (void)err;
    p->count++;
    if (p->cells == NULL) {
        fprintf(p->out, "{\"revision\":%" PRId64, line->revision);
        put_json(p->out, "subject", line->subject);
        put_json(p->out, "action", line->action);
        put_json(p->out, "state", line->state);
        put_json(p->out, "by", line->who);
        put_json(p->out, "note", line->why);
        put_json(p->out, "run", line->run);
        put_json(p->out, "evidence_hash", line->evidence_hash);
        fprintf(p->out, ",\"evidence\":%" PRId64 "}\n", line->evidence);
        return RS_OK;
    }
    rsi_table_cell(p->cells, "%" PRId64, line->revision);
    const rs_text texts[] = {line->subject, line->action, line->state, line->who};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rsi_table_cell(p->cells, "%.*s", (int)texts[i].length, texts[i].bytes);
    }
    rsi_table_cell(p->cells, "%" PRId64, line->evidence);
    rsi_table_cell(p->cells, "%.*s", (int)line->why.length, line->why.bytes);
    return RS_OK;
}

static rs_status print_verdicts(const rsi_call *call, rs_ledger *ledger, const char *subject,
                                rs_error *err)
{
    static const char *const heads[] = {"revision", "case",     "action", "state",
                                        "by",       "evidence", "note"};
    rs_status status = RS_OK;
    const options *o = call->options;
    printing p = {.out = call->out};
    if (o->format == FORMAT_TEXT) {
        p.cells = rsi_table_new("rllllrl");
        if (p.cells == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory");
        }
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
            rsi_table_cell(p.cells, "%s", heads[i]);
        }
    }
    RS_TRY(rs_ledger_verdicts(ledger, subject, print_line, &p, err));
    if (subject != NULL && p.count == 0) {
        status = rs_fail(err, RS_ENOTFOUND, "there is no verdict on \"%.200s\"", subject);
        goto done;
    }
    if (p.cells != NULL && p.count > 0) {
        RS_TRY(rsi_table_print(p.cells, call->out, 0, err));
    }
done:
    rsi_table_free(p.cells);
    return status;
}

/* ---- the case -------------------------------------------------------------------------------- */

/* The ring as the latest run has it. */
static rs_status find_ring(rsi_kept_case *one, const char *store, const char *id, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    const rs_cluster *cluster = NULL;
    rs_run_info info;
    rs_run_id run;
    char *path = NULL;
    RS_TRY(rs_run_latest(store, &run, err));
    RS_TRY(rs_run_check(store, &run, RS_RUN_REPORT, err));
    RS_TRY(rs_run_read(store, &run, &info, err));
    path = rs_run_path(store, &run, RS_RUN_REPORT);
    if (path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory");
        goto done;
    }
    RS_TRY(rs_report_open(&report, path, err));
    RS_TRY(rs_report_find(report, rsi_text(id), &cluster, err));
    RS_TRY(rsi_ring_case(one, cluster, &run, info.as_of, err));
done:
    rs_report_close(report);
    free(path);
    return status;
}

/* The node, which the store has to have; it counts from the as-of time of the latest run on. */
static rs_status find_node(rsi_kept_case *one, const char *store_path, const char *word,
                           rs_error *err)
{
    rs_status status = RS_OK;
    rs_store *store = NULL;
    char *type = NULL;
    rs_text id;
    rs_run_id run;
    rs_run_info info;
    uint32_t node = 0;
    rs_error ignored;
    RS_TRY(rsi_split_name(word, &type, &id, err));
    RS_TRY(rsi_open_store(&store, store_path, err));
    size_t number = rs_store_type_named(store, type);
    if (number == SIZE_MAX) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no type \"%.200s\"", type);
        goto done;
    }
    RS_TRY(rs_store_find(store, number, id, &node, err));
    if (node == RS_NO_NODE) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no %.200s \"%.300s\"", type, id.bytes);
        goto done;
    }
    one->about = (rs_case){.subject = rsi_text(word), .as_of = RS_ALWAYS};
    if (rs_run_latest(store_path, &run, &ignored) == RS_OK &&
        rs_run_read(store_path, &run, &info, &ignored) == RS_OK && info.as_of != RS_NO_TIME) {
        one->about.as_of = info.as_of;
    }
done:
    rs_store_close(store);
    free(type);
    return status;
}

static rs_status find_action(const char *word, rs_action *action, rs_error *err)
{
    for (*action = RS_ACTION_ESCALATE; *action < RS_ACTIONS; ++*action) {
        if (strcmp(word, rs_action_name(*action)) == 0) {
            return RS_OK;
        }
    }
    return rs_fail(err, RS_EUSAGE, "no verdict \"%.100s\"; expected confirm, clear or escalate",
                   word);
}

static rs_status give(const rsi_call *call, rs_ledger *ledger, const char *subject,
                      const rs_act *act, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_kept_case one = {.bytes = NULL};
    rs_verdict_result result;
    rs_action action;
    RS_TRY(find_action(call->words[2], &action, err));
    if (strchr(subject, ':') != NULL) {
        RS_TRY(find_node(&one, call->words[0], subject, err));
    } else {
        RS_TRY(find_ring(&one, call->words[0], subject, err));
    }
    RS_TRY(rs_ledger_verdict(ledger, &one.about, action, act, &result, err));
    if (!call->quiet) {
        rsi_print_text(call->out, rsi_text(subject));
        fprintf(call->out, ": was %s, is %s\n", rs_state_name(result.from),
                rs_state_name(result.to));
        if (result.to == RS_STATE_CONFIRMED_ONCE) {
            fputs("another person has to confirm it too\n", call->out);
        }
        if (result.added_count + result.removed_count > 0) {
            fprintf(call->out, "blacklist: %" PRIu64 " added, %" PRIu64 " removed\n",
                    result.added_count, result.removed_count);
        }
        fprintf(call->out, "revision: %" PRId64 "\n", result.revision);
    }
done:
    rsi_ring_case_free(&one);
    return status;
}

static rs_status change_settings(const options *o, rs_ledger *ledger, const rs_act *act,
                                 rs_error *err)
{
    rs_status status = RS_OK;
    rs_act second = *act;
    if (o->four_eyes != EYES_ASK) {
        RS_TRY(
            rs_ledger_setting_set(ledger, RS_SETTING_FOUR_EYES, o->four_eyes == EYES_ON, act, err));
    }
    if (o->quiet_growth != NO_GROWTH) {
        RS_TRY(rsi_act_now(&second, act->who, act->why, err));
        RS_TRY(rs_ledger_setting_set(ledger, RS_SETTING_QUIET_GROWTH, (int64_t)o->quiet_growth,
                                     &second, err));
    }
done:
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rs_ledger *ledger = NULL;
    rs_act act;
    char id[16];
    bool sets = o->four_eyes != EYES_ASK || o->quiet_growth != NO_GROWTH;
    bool gives = call->word_count > 2;
    const char *subject = call->word_count > 1 ? rsi_ring_typed(call->words[1], id) : NULL;
    if (gives && sets) {
        return rs_fail(err, RS_EUSAGE, "a verdict and a setting are two calls");
    }
    if (gives || sets) {
        RS_TRY(rsi_act_now(&act, o->by, o->note, err));
    }
    RS_TRY(rsi_ledger_open(&ledger, call, call->words[0], o->db,
                           gives || sets ? RS_LEDGER_WRITE : RS_LEDGER_READ, err));
    if (gives) {
        RS_TRY(give(call, ledger, subject, &act, err));
    } else if (sets) {
        RS_TRY(change_settings(o, ledger, &act, err));
    } else if (ledger != NULL) {
        RS_TRY(print_verdicts(call, ledger, subject, err));
    } else if (subject != NULL) {
        status = rs_fail(err, RS_ENOTFOUND, "there is no verdict on \"%.200s\"", subject);
    }
done:
    rs_ledger_close(ledger);
    return status;
}

const rsi_command rsi_command_verdict = {
    .name = "verdict",
    .summary = "say what a ring or an account is: confirm, clear, escalate",
    .words = "STORE [RING|TYPE:ID [confirm|clear|escalate]] [options]",
    .about =
        "A ring as the latest run has it, or a node of the store. With four eyes (at first on) a\n"
        "first person's confirm waits for a second, different one. A confirmed account goes on\n"
        "the blacklist; the members of a confirmed ring, as both saw it, do by ringscope\n"
        "feedback. Who is cleared goes off it, and a cleared ring stays quiet until its evidence\n"
        "has grown. Without a verdict: those on RING or TYPE:ID, or the last one on each case.",
    .word_min = 1,
    .word_max = 3,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
