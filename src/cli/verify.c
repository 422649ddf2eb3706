/* verify.c - `ringscope verify`: a store, its runs included, against checksums and invariants.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "base/try.h"
#include "cli/ledger.h"
#include "ringscope/verify.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    bool deep;
    bool list;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "deep",
     .value = RSI_FLAG,
     .offset = offsetof(options, deep),
     .help = "unpack every block, too, and hold its content against the rest"},
    {.name = "list",
     .value = RSI_FLAG,
     .offset = offsetof(options, list),
     .help = "print the invariants that are checked, and touch no store; STORE may be left out"},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "text for a person, or one JSON object with every violation; default text"},
    {0},
};

/* ---- printing -------------------------------------------------------------------------------- */

static void print_json_string(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":", key);
    rsi_print_json_text(out, rsi_text(text));
}

static void print_invariants(FILE *out, bool json)
{
    fputs(json ? "[" : "", out);
    for (size_t i = 0; i < rs_invariant_count(); i++) {
        rs_invariant one = rs_invariant_at(i);
        if (!json) {
            fprintf(out, "%s  %s\n", one.id, one.text);
            continue;
        }
        fputs(i == 0 ? "{" : ",{", out);
        print_json_string(out, "id", one.id);
        fputc(',', out);
        print_json_string(out, "text", one.text);
        fputc('}', out);
    }
    fputs(json ? "]\n" : "", out);
}

static void print_json(FILE *out, const char *path, bool deep, const rs_violations *found)
{
    fputc('{', out);
    print_json_string(out, "store", path);
    fprintf(out, ",\"deep\":%s,\"ok\":%s,\"count\":%" PRIu64 ",\"violations\":[",
            deep ? "true" : "false", found->count == 0 ? "true" : "false", found->count);
    for (size_t i = 0; i < found->kept_count; i++) {
        fputs(i == 0 ? "\n{" : ",\n{", out);
        print_json_string(out, "id", found->kept[i].id);
        fputc(',', out);
        print_json_string(out, "file", found->kept[i].file);
        fputc(',', out);
        print_json_string(out, "text", found->kept[i].text);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

static void print_text(FILE *out, const char *path, const rs_violations *found)
{
    if (found->count == 0) {
        fputs("OK ", out);
        rsi_print_text(out, rsi_text(path));
        fputc('\n', out);
        return;
    }
    for (size_t i = 0; i < found->kept_count; i++) {
        fprintf(out, "%s  ", found->kept[i].id);
        rsi_print_text(out, rsi_text(found->kept[i].file));
        fputs("  ", out);
        rsi_print_text(out, rsi_text(found->kept[i].text));
        fputc('\n', out);
    }
    if (found->kept_count < found->count) {
        fprintf(out, "and %" PRIu64 " more\n", found->count - found->kept_count);
    }
}

/* ---- the call -------------------------------------------------------------------------------- */

static rs_status damaged(const char *path, const rs_violations *found, rs_error *err)
{
    if (found->count == 0) {
        return RS_OK;
    }
    const rs_violation *first = &found->kept[0];
    rs_fail(err, RS_ECORRUPT, "store \"%s\": \"%s\": %s: %.700s", path, first->file, first->id,
            first->text);
    if (found->count > 1) {
        rs_error one = *err;
        rs_fail(err, RS_ECORRUPT, "%.900s (first of %" PRIu64 " findings)", one.message,
                found->count);
    }
    return RS_ECORRUPT;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    rs_violations found = {0};
    const options *chosen = call->options;
    bool json = chosen->format == FORMAT_JSON;
    if (chosen->list) {
        print_invariants(call->out, json);
        return RS_OK;
    }
    if (call->word_count == 0) {
        return rs_fail(err, RS_EUSAGE,
                       "verify: something is missing; usage: ringscope verify STORE [options]");
    }
    const char *path = call->words[0];
    RS_TRY(rsi_store_status(rs_store_check(path, chosen->deep, call->work, &found, err), err));
    RS_TRY(rs_runs_verify(path, call->work, &found, err));
    RS_TRY(rsi_ledger_violations(path, call->work, &found, err));
    if (json) {
        print_json(call->out, path, chosen->deep, &found);
    } else {
        print_text(call->out, path, &found);
    }
    RS_TRY(damaged(path, &found, err));
done:
    rs_violations_free(&found);
    return status;
}

const rsi_command rsi_command_verify = {
    .name = "verify",
    .summary = "check every byte of a store against checksums and invariants",
    .words = "STORE [options]",
    .about = "Reads every byte of STORE, its runs and its database of lists included, and holds it "
             "against its\n"
             "checksums, its digests, and the invariants of its structure; with --deep against\n"
             "every invariant of its content, too. Prints a line that begins with OK, or a line\n"
             "for each violation (the first thousand): the invariant, the file, what was expected\n"
             "and what was found. Exit status 5 where there is one.",
    .word_min = 0,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
