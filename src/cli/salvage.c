/* salvage.c - `ringscope salvage`: what is whole in a damaged store, in a new one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/rescue.h"

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    const char *to;
    int format;
} options;

static const rsi_option table[] = {
    {.name = "to",
     .value = RSI_WORD,
     .argument = "NEW",
     .offset = offsetof(options, to),
     .help = "the store to make; must not be there yet",
     .required = true},
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "text for a person, or one JSON object; default text"},
    {0},
};

/* What there is to tell. */
typedef struct outcome {
    rs_violations damage; /* of the old store and its runs */
    rs_salvage_result store;
    uint64_t run_count;
    uint64_t run_lost_count;
} outcome;

/* ---- printing -------------------------------------------------------------------------------- */

static void print_json_list(FILE *out, const char *key, const rs_salvaged_list *list)
{
    fprintf(out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "\n{\"name\":" : ",\n{\"name\":", out);
        rsi_print_json_text(out, rsi_text(list->items[i].name));
        fprintf(out, ",\"had\":%" PRIu64 ",\"lost\":%" PRIu64 "}", list->items[i].had,
                list->items[i].lost);
    }
    fputc(']', out);
}

static void print_json(FILE *out, const outcome *all)
{
    bool whole = all->store.whole && all->damage.count == 0;
    fprintf(out, "{\"whole\":%s", whole ? "true" : "false");
    print_json_list(out, "batches", &all->store.batches);
    print_json_list(out, "relations", &all->store.relations);
    print_json_list(out, "types", &all->store.types);
    print_json_list(out, "attributes", &all->store.attributes);
    fprintf(out, ",\n\"rows_lost\":%" PRIu64 ",\"keys_lost\":%" PRIu64 ",\"keys_left\":%" PRIu64,
            all->store.unplaced_count, all->store.key_lost_count, all->store.key_left_count);
    fprintf(out, ",\"runs\":%" PRIu64 ",\"runs_lost\":%" PRIu64, all->run_count,
            all->run_lost_count);
    fprintf(out, ",\"violation_count\":%" PRIu64 ",\n\"violations\":[", all->damage.count);
    for (size_t i = 0; i < all->damage.kept_count; i++) {
        const rs_violation *one = &all->damage.kept[i];
        fprintf(out, "%s{\"id\":\"%s\",\"file\":", i == 0 ? "\n" : ",\n", one->id);
        rsi_print_json_text(out, rsi_text(one->file));
        fputs(",\"text\":", out);
        rsi_print_json_text(out, rsi_text(one->text));
        fputc('}', out);
    }
    fputs("]}\n", out);
}

static void print_rows(rsi_table *rows, const char *kind, const rs_salvaged_list *list)
{
    char number[RSI_FORMAT_MAX];
    for (size_t i = 0; i < list->count; i++) {
        const rs_salvaged *item = &list->items[i];
        rsi_table_cell(rows, "%s", kind);
        rsi_table_cell(rows, "%s", item->name);
        rsi_table_cell(rows, "%s", rsi_format_count(number, item->had - item->lost));
        rsi_table_cell(rows, "%s", item->lost > 0 ? rsi_format_count(number, item->lost) : "-");
    }
}

static rs_status print_text(FILE *out, const outcome *all, rs_error *err)
{
    char number[RSI_FORMAT_MAX];
    rsi_table *rows = rsi_table_new("llrr");
    rsi_table_cell(rows, "%s", "");
    rsi_table_cell(rows, "%s", "");
    rsi_table_cell(rows, "brought");
    rsi_table_cell(rows, "lost");
    print_rows(rows, "batch", &all->store.batches);
    print_rows(rows, "relation", &all->store.relations);
    print_rows(rows, "ids", &all->store.types);
    print_rows(rows, "values", &all->store.attributes);
    rs_status status = rsi_table_print(rows, out, 0, err);
    rsi_table_free(rows);
    if (all->store.unplaced_count > 0) {
        fprintf(out, "relations whose input line is lost: %s\n",
                rsi_format_count(number, all->store.unplaced_count));
    }
    if (all->store.key_lost_count > 0) {
        fprintf(out, "event keys lost: %s\n", rsi_format_count(number, all->store.key_lost_count));
    }
    if (all->store.key_left_count > 0) {
        fprintf(out, "event keys whose relations are gone, left behind: %s\n",
                rsi_format_count(number, all->store.key_left_count));
    }
    fprintf(out, "runs brought: %s", rsi_format_count(number, all->run_count));
    fprintf(out, ", lost: %s\n", rsi_format_count(number, all->run_lost_count));
    for (size_t i = 0; i < all->damage.kept_count; i++) {
        const rs_violation *one = &all->damage.kept[i];
        fprintf(out, "%s  ", one->id);
        rsi_print_text(out, rsi_text(one->file));
        fputs("  ", out);
        rsi_print_text(out, rsi_text(one->text));
        fputc('\n', out);
    }
    if (all->damage.kept_count < all->damage.count) {
        fprintf(out, "and %" PRIu64 " more violations\n",
                all->damage.count - all->damage.kept_count);
    }
    return status;
}

/* ---- the call -------------------------------------------------------------------------------- */

/* What was made must be sound, whatever it was made from. */
static rs_status check_made(const char *path, const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    rs_violations found = {0};
    RS_TRY(rs_store_check(path, true, work, &found, err));
    RS_TRY(rs_runs_verify(path, work, &found, err));
    if (found.count > 0) {
        status = rs_fail(err, RS_EIO, "the new store \"%s\" is not sound: \"%s\": %s: %.600s", path,
                         found.kept[0].file, found.kept[0].id, found.kept[0].text);
    }
done:
    rs_violations_free(&found);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *chosen = call->options;
    const char *from = call->words[0];
    outcome all = {0};
    RS_TRY(rsi_check_output(chosen->to, "--to", from, NULL, 0, err));
    status = rs_salvage(from, chosen->to, call->work, &all.damage, &all.store, err);
    RS_TRY(rsi_store_status(status, err));
    RS_TRY(rs_runs_verify(from, call->work, &all.damage, err));
    RS_TRY(rs_runs_salvage(from, chosen->to, call->work, &all.run_count, &all.run_lost_count, err));
    RS_TRY(check_made(chosen->to, call->work, err));
    if (chosen->format == FORMAT_JSON) {
        print_json(call->out, &all);
    } else {
        RS_TRY(print_text(call->out, &all, err));
    }
    if (!all.store.whole || all.damage.count > 0) {
        status = rs_fail(err, RS_ECORRUPT, "store \"%s\" was damaged: \"%s\" holds what was whole",
                         from, chosen->to);
    }
done:
    rs_violations_free(&all.damage);
    rs_salvage_free(&all.store);
    return status;
}

const rsi_command rsi_command_salvage = {
    .name = "salvage",
    .summary = "bring what is whole out of a damaged store",
    .words = "STORE --to NEW [options]",
    .about =
        "Reads all of STORE that can be read, block by block, and makes NEW of it: a sound store\n"
        "with the same batches and the runs that are whole. A relation or value that names an\n"
        "id that is lost is lost: no name is invented. Prints what was brought and what was\n"
        "lost, and what is wrong with STORE, which stays as it is. Exit status 0 when all was\n"
        "whole, 5 when something was damaged.",
    .word_min = 1,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
