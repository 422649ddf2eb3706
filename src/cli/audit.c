/* audit.c - `ringscope audit`: the trail of every act on the database, listed or held against
 * itself.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/ledger.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    const char *db;
    rsi_list heads;
    uint64_t from;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "db",
     .value = RSI_WORD,
     .argument = "PLACE",
     .offset = offsetof(options, db),
     .help = RSI_DB_HELP},
    {.name = "head",
     .value = RSI_LIST,
     .argument = "REVISION:HASH",
     .offset = offsetof(options, heads),
     .help = "verify: a head that was seen before, beside those that the runs of the store keep; "
             "may be repeated"},
    {.name = "from",
     .value = RSI_COUNT,
     .argument = "REVISION",
     .offset = offsetof(options, from),
     .help = "list: from this revision on; default 1",
     .min = 1,
     .max = 1e15},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "how to print; json is an object a line for list, one for verify; default text"},
    {0},
};

static const options defaults = {.from = 1};

/* ---- list ------------------------------------------------------------------------------------ */

static void put_json(FILE *out, const char *key, rs_text text)
{
    fprintf(out, ",\"%s\":", key);
    rsi_print_json_text(out, text);
}

static rs_status print_json(void *context, const rs_audit_line *line, rs_error *err)
{
    FILE *out = context;
    char when[RSI_FORMAT_MAX];
    (void)err;
    fprintf(out, "{\"revision\":%" PRId64 ",\"when\":\"%s\"", line->revision,
            rsi_format_time(when, line->when_unix_s));
    put_json(out, "by", line->who);
    put_json(out, "what", line->what);
    if (line->erased) {
        fputs(",\"erased\":true", out);
    } else {
        put_json(out, "object", line->object);
        put_json(out, "why", line->why);
    }
    put_json(out, "detail", line->detail);
    put_json(out, "hash", line->hash);
    fputs("}\n", out);
    return RS_OK;
}

static rs_status print_row(void *context, const rs_audit_line *line, rs_error *err)
{
    rsi_table *cells = context;
    (void)err;
    rsi_table_cell(cells, "%" PRId64, line->revision);
    rsi_table_time(cells, line->when_unix_s);
    const rs_text erased = rsi_text("(erased)");
    const rs_text texts[] = {line->who, line->what, line->erased ? erased : line->object,
                             line->detail, line->why};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rsi_table_cell(cells, "%.*s", (int)texts[i].length, texts[i].bytes);
    }
    return RS_OK;
}

static rs_status list_lines(const rsi_call *call, rs_ledger *ledger, rs_error *err)
{
    static const char *const heads[] = {"revision", "when",   "by", "what",
                                        "object",   "detail", "why"};
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_table *cells = NULL;
    if (ledger == NULL) {
        return RS_OK;
    }
    if (o->format == FORMAT_JSON) {
        return rs_ledger_audit(ledger, (int64_t)o->from, print_json, call->out, err);
    }
    cells = rsi_table_new("rllllll");
    if (cells == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(cells, "%s", heads[i]);
    }
    RS_TRY(rs_ledger_audit(ledger, (int64_t)o->from, print_row, cells, err));
    RS_TRY(rsi_table_print(cells, call->out, 0, err));
done:
    rsi_table_free(cells);
    return status;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static rs_status read_head(const char *word, rs_ledger_head *head, rs_error *err)
{
    char *end = NULL;
    head->revision = strtoll(word, &end, 10);
    if (end == word || *end != ':' || strlen(end + 1) != RS_HEAD_LENGTH || head->revision < 0) {
        return rs_fail(err, RS_EUSAGE,
                       "--head \"%.120s\": expected REVISION:HASH, as audit verify "
                       "prints it",
                       word);
    }
    memcpy(head->hash, end + 1, sizeof head->hash);
    return RS_OK;
}

/* What the kept runs saw, and what the user says. */
static rs_status gather_heads(const rsi_call *call, rs_ledger *ledger, rs_ledger_head **heads,
                              size_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rs_ledger_head now = {.revision = 0};
    if (ledger != NULL) {
        RS_TRY(rs_ledger_head_read(ledger, &now, err));
    }
    RS_TRY(
        rsi_ledger_heads(call->words[1], o->db != NULL ? now.database : NULL, heads, count, err));
    rs_ledger_head *more = realloc(*heads, (*count + o->heads.count + 1) * sizeof *more);
    if (more == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    *heads = more;
    for (size_t i = 0; i < o->heads.count; i++) {
        RS_TRY(read_head(o->heads.words[i], &more[(*count)++], err));
    }
done:
    return status;
}

static void print_result(const rsi_call *call, const rs_audit_result *result, size_t heads)
{
    const options *o = call->options;
    FILE *out = call->out;
    if (o->format == FORMAT_JSON) {
        fprintf(out,
                "{\"ok\":%s,\"lines\":%" PRId64 ",\"heads\":%zu,\"head\":\"%" PRId64
                ":%s\",\"problems\":[",
                result->problem_count == 0 ? "true" : "false", result->line_count, heads,
                result->head.revision, result->head.hash);
        for (size_t i = 0; i < result->kept_count; i++) {
            fputs(i == 0 ? "" : ",", out);
            rsi_print_json_text(out, rsi_text(result->kept[i]));
        }
        fputs("]}\n", out);
        return;
    }
    for (size_t i = 0; i < result->kept_count; i++) {
        rsi_print_text(out, rsi_text(result->kept[i]));
        fputc('\n', out);
    }
    if (result->problem_count == 0) {
        fprintf(out, "OK %" PRId64 " lines, held against %zu heads\nhead: %" PRId64 ":%s\n",
                result->line_count, heads, result->head.revision, result->head.hash);
    }
}

static rs_status verify(const rsi_call *call, rs_ledger *ledger, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger_head *heads = NULL;
    size_t count = 0;
    rs_audit_result result = {.kept_count = 0};
    RS_TRY(gather_heads(call, ledger, &heads, &count, err));
    if (ledger == NULL && count > 0) {
        status = rs_fail(err, RS_ECORRUPT, "the database is missing: a run has read it");
        goto done;
    }
    if (ledger != NULL) {
        RS_TRY(rs_ledger_check(ledger, err));
        RS_TRY(rs_ledger_verify(ledger, heads, count, &result, err));
    }
    print_result(call, &result, count);
    if (result.problem_count > 0) {
        status = rs_fail(err, RS_ECORRUPT,
                         "the audit trail does not hold: %.600s (%" PRIu64 " findings)",
                         result.kept_count > 0 ? result.kept[0] : "", result.problem_count);
    }
done:
    rs_audit_free(&result);
    free(heads);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rs_ledger *ledger = NULL;
    bool lists = strcmp(call->words[0], "list") == 0;
    if (!lists && strcmp(call->words[0], "verify") != 0) {
        return rs_fail(err, RS_EUSAGE, "audit: no verb \"%.100s\"; expected list or verify",
                       call->words[0]);
    }
    RS_TRY(rsi_ledger_open(&ledger, call, call->words[1], o->db, RS_LEDGER_READ, err));
    RS_TRY(lists ? list_lines(call, ledger, err) : verify(call, ledger, err));
done:
    rs_ledger_close(ledger);
    return status;
}

const rsi_command rsi_command_audit = {
    .name = "audit",
    .summary = "who did what to lists and verdicts, when and why; and whether that record holds",
    .words = "VERB STORE [options]",
    .about =
        "list STORE prints the trail. verify STORE finds a line that was changed, is missing or\n"
        "stands elsewhere, for each holds the hash of the one before; the heads that the runs of\n"
        "the store saw, and those given by --head, show whether the last lines were cut off. The\n"
        "head that it prints is worth keeping elsewhere. Exit status 5 where something is wrong.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
