/* blacklist.c - `ringscope blacklist` and `ringscope whitelist`: the two lists of the database. One
 * file, for they differ in their name alone.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/listfields.h"
#include "base/try.h"
#include "cli/ledger.h"
#include "ringscope/graph.h"

enum { FORMAT_GUESS, FORMAT_CSV, FORMAT_JSON };

typedef struct options {
    const char *db;
    const char *by;
    const char *note;
    const char *reason;
    const char *source;
    const char *strength;
    const char *since;
    const char *until;
    int64_t as_of;
    uint64_t revision;
    uint64_t limit;
    int format;
    bool expired;
    bool dry_run;
} options;

#define ROW(name, value, argument, field, help)                                                    \
    {                                                                                              \
        name, value, argument, offsetof(options, field), help, 0, 0, false                         \
    }
static const rsi_option table[] = {
    ROW("db", RSI_WORD, "PLACE", db, RSI_DB_HELP),
    ROW("by", RSI_WORD, "WHO", by, RSI_BY_HELP " (import, add, remove)"),
    ROW("note", RSI_WORD, "TEXT", note, RSI_NOTE_HELP),
    ROW("reason", RSI_WORD, "TEXT", reason, "add: why the entry is on the list; default none"),
    ROW("source", RSI_WORD, "NAME", source,
        "import, add: who says so, for rows that do not tell; default manual. remove: only what "
        "this source says; default all"),
    ROW("strength", RSI_WORD, "SHARE", strength, "add: how sure, above 0 and at most 1; default 1"),
    ROW("since", RSI_WORD, "TIME", since, "add: counts from then on; default always"),
    ROW("until", RSI_WORD, "TIME", until,
        "add: counts up to then, a date meaning its end; default for ever"),
    ROW("as-of", RSI_TIME, "TIME", as_of, "list, export: only what counts at that time"),
    ROW("revision", RSI_COUNT, "N", revision,
        "list, export: the list as it was after that act of the audit trail; default as it is"),
    ROW("limit", RSI_COUNT, "N", limit, "list: print at most N entries, 0 prints all; default 100"),
    ROW("format", RSI_CHOICE, "auto|csv|json", format,
        "import: what the file is, told by its first character by default; list and export: json "
        "is an object a line; export writes csv by default, list a table"),
    ROW("expired", RSI_FLAG, NULL, expired, "import, add: keep entries that have ended already"),
    ROW("dry-run", RSI_FLAG, NULL, dry_run,
        "import, add: tell what it would come to, and change nothing"),
    {0},
};

static const options defaults = {.as_of = RS_NO_TIME, .revision = UINT64_MAX, .limit = 100};

/* ---- printing -------------------------------------------------------------------------------- */

static void print_csv(FILE *out, rs_text text)
{
    bool quote = false;
    for (size_t i = 0; i < text.length; i++) {
        quote = quote || strchr(",\"\r\n", text.bytes[i]) != NULL;
    }
    fputs(quote ? "\"" : "", out);
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] == '"') {
            fputc('"', out);
        }
        fputc(text.bytes[i], out);
    }
    fputs(quote ? "\"" : "", out);
}

static const char *format_strength(char out[32], uint32_t strength)
{
    size_t length = rsi_decimal_format(strength, 6, out);
    while (out[length - 1] == '0') {
        length--;
    }
    length -= out[length - 1] == '.';
    out[length] = '\0';
    return out;
}

/* An end is written as the second before it, which is how it is read. */
static const char *format_edge(char out[RSI_FORMAT_MAX], int64_t unix_s)
{
    if (unix_s == RS_ALWAYS || unix_s == RS_NEVER) {
        out[0] = '\0';
        return out;
    }
    return rsi_format_time(out, unix_s);
}

static rs_status put_csv(void *context, const rs_entry *entry, rs_error *err)
{
    FILE *out = context;
    char text[RSI_FORMAT_MAX];
    (void)err;
    print_csv(out, entry->type);
    fputc(',', out);
    print_csv(out, entry->id);
    fputc(',', out);
    print_csv(out, entry->reason);
    fprintf(out, ",%s", format_strength(text, entry->strength));
    fprintf(out, ",%s", format_edge(text, entry->since));
    fprintf(out, ",%s,", format_edge(text, entry->until));
    print_csv(out, entry->source);
    fputc('\n', out);
    return RS_OK;
}

static void put_json_text(FILE *out, const char *key, rs_text text)
{
    fprintf(out, "\"%s\":", key);
    rsi_print_json_text(out, text);
}

static rs_status put_json(void *context, const rs_entry *entry, rs_error *err)
{
    FILE *out = context;
    char text[RSI_FORMAT_MAX];
    (void)err;
    fputc('{', out);
    put_json_text(out, "type", entry->type);
    fputc(',', out);
    put_json_text(out, "id", entry->id);
    fputc(',', out);
    put_json_text(out, "reason", entry->reason);
    fprintf(out, ",\"strength\":%s", format_strength(text, entry->strength));
    if (entry->since != RS_ALWAYS) {
        fprintf(out, ",\"since\":\"%s\"", format_edge(text, entry->since));
    }
    if (entry->until != RS_NEVER) {
        fprintf(out, ",\"until\":\"%s\"", format_edge(text, entry->until));
    }
    fputc(',', out);
    put_json_text(out, "source", entry->source);
    fprintf(out, ",\"added\":%" PRId64 "}\n", entry->added);
    return RS_OK;
}

typedef struct listing {
    rsi_table *cells;
    uint64_t limit;
    uint64_t count;
} listing;

static rs_status put_row(void *context, const rs_entry *entry, rs_error *err)
{
    listing *l = context;
    char text[RSI_FORMAT_MAX];
    (void)err;
    if (l->limit > 0 && l->count++ >= l->limit) {
        return RS_OK;
    }
    rsi_table_cell(l->cells, "%.*s", (int)entry->type.length, entry->type.bytes);
    rsi_table_cell(l->cells, "%.*s", (int)entry->id.length, entry->id.bytes);
    rsi_table_cell(l->cells, "%s", format_strength(text, entry->strength));
    rsi_table_cell(l->cells, "%s", format_edge(text, entry->since));
    rsi_table_cell(l->cells, "%s", format_edge(text, entry->until));
    rsi_table_cell(l->cells, "%.*s", (int)entry->source.length, entry->source.bytes);
    rsi_table_cell(l->cells, "%" PRId64, entry->added);
    rsi_table_cell(l->cells, "%.*s", (int)entry->reason.length, entry->reason.bytes);
    return RS_OK;
}

/* ---- verbs ----------------------------------------------------------------------------------- */

/* One call of either command. */
typedef struct job {
    rsi_call *call;
    rs_list_name list;
    rs_ledger *ledger;
} job;

static rs_entry_query query_of(const job *j)
{
    const options *o = j->call->options;
    rs_entry_query query = RS_ENTRY_QUERY_DEFAULTS;
    query.list = j->list;
    query.dated = o->as_of != RS_NO_TIME;
    query.as_of = o->as_of;
    query.revision = o->revision == UINT64_MAX ? -1 : (int64_t)o->revision;
    return query;
}

static rs_status print_table(const job *j, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = j->call->options;
    char number[RSI_FORMAT_MAX];
    rs_entry_query query = query_of(j);
    listing l = {.cells = rsi_table_new("llrlllrl"), .limit = o->limit};
    if (l.cells == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    static const char *const heads[] = {"type",  "id",     "strength", "since",
                                        "until", "source", "revision", "reason"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        rsi_table_cell(l.cells, "%s", heads[i]);
    }
    RS_TRY(rs_ledger_entries(j->ledger, &query, put_row, &l, err));
    RS_TRY(rsi_table_print(l.cells, j->call->out, 0, err));
    if (l.limit > 0 && l.count > l.limit) {
        fprintf(j->call->out, "and %s more; --limit 0 prints all\n",
                rsi_format_count(number, l.count - l.limit));
    }
done:
    rsi_table_free(l.cells);
    return status;
}

static rs_status list_entries(const job *j, rs_error *err)
{
    const options *o = j->call->options;
    rs_entry_query query = query_of(j);
    if (j->ledger == NULL) {
        return RS_OK; /* no database: an empty list */
    }
    return o->format == FORMAT_JSON
               ? rs_ledger_entries(j->ledger, &query, put_json, j->call->out, err)
               : print_table(j, err);
}

static rs_status export_entries(const job *j, rs_error *err)
{
    const options *o = j->call->options;
    rs_entry_query query = query_of(j);
    bool json = o->format == FORMAT_JSON;
    if (!json) {
        fputs("type,id,reason,strength,since,until,source\n", j->call->out);
    }
    return j->ledger == NULL
               ? RS_OK
               : rs_ledger_entries(j->ledger, &query, json ? put_json : put_csv, j->call->out, err);
}

static void print_lines(FILE *out, char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs("  ", out);
        rsi_print_text(out, rsi_text(lines[i]));
        fputc('\n', out);
    }
}

static void print_result(const job *j, const rs_import_result *result)
{
    char number[RSI_FORMAT_MAX];
    const options *o = j->call->options;
    FILE *out = j->call->out;
    if (j->call->quiet) {
        return;
    }
    fprintf(out, "%s%s: %s rows", o->dry_run ? "dry run of " : "", rs_list_name_text(j->list),
            rsi_format_count(number, result->row_count));
    fprintf(out, ", %s new", rsi_format_count(number, result->added_count));
    fprintf(out, ", %s changed", rsi_format_count(number, result->changed_count));
    fprintf(out, ", %s as they were\n", rsi_format_count(number, result->same_count));
    print_lines(out, result->changes, result->change_count);
    if (result->both_count > 0) {
        fprintf(out, "on both lists: %s\n", rsi_format_count(number, result->both_count));
        print_lines(out, result->conflicts, result->conflict_count);
    }
    if (result->revision > 0) {
        fprintf(out, "revision: %" PRId64 "\n", result->revision);
    }
}

static rs_import_options import_of(const job *j)
{
    const options *o = j->call->options;
    return (rs_import_options){.list = j->list,
                               .format = (rs_import_format)o->format,
                               .source = o->source != NULL ? o->source : "manual",
                               .keep_expired = o->expired,
                               .trial = o->dry_run};
}

static rs_status import_file(const job *j, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = j->call->options;
    rs_act act;
    rs_import_options how = import_of(j);
    rs_import_result result = {.row_count = 0};
    RS_TRY(rsi_act_now(&act, o->by, o->note, err));
    RS_TRY(rs_ledger_import(j->ledger, j->call->words[2], &how, &act, &result, err));
    print_result(j, &result);
done:
    rs_import_free(&result);
    return status;
}

static rs_status read_cell(const char *option, const char *problem, rs_error *err)
{
    return problem == NULL ? RS_OK : rs_fail(err, RS_EUSAGE, "--%s %s", option, problem);
}

static rs_status add_entry(const job *j, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = j->call->options;
    rs_act act;
    rs_import_options how = import_of(j);
    rs_import_result result = {.row_count = 0};
    char *type = NULL;
    rs_entry entry = {.reason = rsi_text(o->reason != NULL ? o->reason : ""),
                      .source = rsi_text(how.source)};
    RS_TRY(rsi_split_name(j->call->words[2], &type, &entry.id, err));
    entry.type = rsi_text(type);
    RS_TRY(read_cell(
        "strength",
        rsi_list_strength(rsi_text(o->strength != NULL ? o->strength : ""), &entry.strength), err));
    RS_TRY(read_cell(
        "since",
        rsi_list_since(rsi_text(o->since != NULL ? o->since : ""), RS_ALWAYS, &entry.since), err));
    RS_TRY(read_cell(
        "until", rsi_list_until(rsi_text(o->until != NULL ? o->until : ""), RS_NEVER, &entry.until),
        err));
    RS_TRY(rsi_act_now(&act, o->by, o->note, err));
    RS_TRY(rs_ledger_add(j->ledger, &entry, &how, &act, &result, err));
    print_result(j, &result);
done:
    free(type);
    rs_import_free(&result);
    return status;
}

static rs_status remove_entry(const job *j, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = j->call->options;
    rs_act act;
    rs_entry entry = {.strength = 0};
    uint64_t count = 0;
    char *type = NULL;
    RS_TRY(rsi_split_name(j->call->words[2], &type, &entry.id, err));
    entry.type = rsi_text(type);
    RS_TRY(rsi_act_now(&act, o->by, o->note, err));
    RS_TRY(rs_ledger_remove(j->ledger, j->list, &entry, o->source, &act, &count, err));
    if (!j->call->quiet) {
        fprintf(j->call->out, "removed from the %s: %" PRIu64 "\n", rs_list_name_text(j->list),
                count);
    }
done:
    free(type);
    return status;
}

static const struct verb {
    const char *name;
    const char *third; /* what stands behind STORE; NULL: nothing */
    rs_ledger_mode mode;
    rs_status (*run)(const job *job, rs_error *err);
} verbs[] = {
    {"import", "FILE", RS_LEDGER_WRITE, import_file},
    {"export", NULL, RS_LEDGER_READ, export_entries},
    {"add", "TYPE:ID", RS_LEDGER_WRITE, add_entry},
    {"remove", "TYPE:ID", RS_LEDGER_WRITE, remove_entry},
    {"list", NULL, RS_LEDGER_READ, list_entries},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static rs_status find_verb(const rsi_call *call, rs_list_name list, const struct verb **verb,
                           rs_error *err)
{
    const char *name = rs_list_name_text(list);
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(call->words[0], verbs[i].name) != 0) {
            continue;
        }
        *verb = &verbs[i];
        size_t wanted = verbs[i].third != NULL ? 3 : 2;
        return call->word_count == wanted
                   ? RS_OK
                   : rs_fail(err, RS_EUSAGE, "%s: usage: ringscope %s %s STORE%s%s [options]", name,
                             name, verbs[i].name, verbs[i].third != NULL ? " " : "",
                             verbs[i].third != NULL ? verbs[i].third : "");
    }
    return rs_fail(err, RS_EUSAGE,
                   "%s: no verb \"%.100s\"; expected import, export, add, remove or list", name,
                   call->words[0]);
}

static rs_status run_list(rsi_call *call, rs_list_name list, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    const struct verb *verb = NULL;
    job j = {.call = call, .list = list};
    rs_act ignored;
    RS_TRY(find_verb(call, list, &verb, err));
    if (verb->mode == RS_LEDGER_WRITE) {
        RS_TRY(rsi_act_now(&ignored, o->by, NULL, err)); /* before a database is made */
    }
    RS_TRY(rsi_ledger_open(&j.ledger, call, call->words[1], o->db, verb->mode, err));
    RS_TRY(verb->run(&j, err));
done:
    rs_ledger_close(j.ledger);
    return status;
}

static rs_status run_blacklist(rsi_call *call, rs_error *err)
{
    return run_list(call, RS_BLACKLIST, err);
}

static rs_status run_whitelist(rsi_call *call, rs_error *err)
{
    return run_list(call, RS_WHITELIST, err);
}

#define ABOUT                                                                                      \
    "import STORE FILE takes all rows of a CSV or JSON file, or none; export STORE prints them;\n" \
    "add and remove STORE TYPE:ID do one; list STORE shows them. An entry has a type, an id "      \
    "(that\n"                                                                                      \
    "of the store, byte for byte), a reason, a source, a strength, since and until; of each "      \
    "type,\n"                                                                                      \
    "id and source there is one, and a second takes its place. Every change has a revision, "      \
    "which\n"                                                                                      \
    "list and export can go back to, and stands in the audit trail."

const rsi_command rsi_command_blacklist = {
    .name = "blacklist",
    .summary = "who is known: import, export, add, remove, list",
    .words = "VERB STORE [FILE|TYPE:ID] [options]",
    .about = ABOUT,
    .word_min = 2,
    .word_max = 3,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run_blacklist,
};

const rsi_command rsi_command_whitelist = {
    .name = "whitelist",
    .summary = "who is known to be good: import, export, add, remove, list",
    .words = "VERB STORE [FILE|TYPE:ID] [options]",
    .about = ABOUT,
    .word_min = 2,
    .word_max = 3,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run_whitelist,
};
