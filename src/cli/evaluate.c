/* evaluate.c - `ringscope evaluate`: a report against the truth, as tables or as JSON.
 *
 * The tables are read back from the JSON document: what a person sees and what a script reads
 * cannot differ.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/try.h"
#include "cli/cli.h"
#include "ringscope/lab.h"

typedef struct options {
    const char *risks;
    const char *blacklist;
    const char *subject;
    double suspect;
    double overlap;
    uint64_t resamples;
    uint64_t seed;
    uint64_t accounts;
    int format;
} options;

static const rsi_option table[] = {
    {"risks", RSI_WORD, "FILE", offsetof(options, risks),
     "the risks CSV of the same run: everybody's rank; without it only members of the report's "
     "rings have a risk",
     0, 0, false},
    {"blacklist", RSI_WORD, "FILE", offsetof(options, blacklist),
     "who was known, CSV type,id,...; beside the members that the report calls known", 0, 0, false},
    {"subject", RSI_WORD, "TYPE", offsetof(options, subject),
     "the node type that the truth is about; default account", 0, 0, false},
    {"suspect", RSI_REAL, "SCORE", offsetof(options, suspect),
     "a risk or score from here on is an alarm; default 0.5", 0, 1, false},
    {"overlap", RSI_REAL, "SHARE", offsetof(options, overlap),
     "Jaccard index from which a reported ring matches a true one; default 0.5", 0.5, 1, false},
    {"resamples", RSI_COUNT, "N", offsetof(options, resamples),
     "bootstrap resamples by ring for the 95 % intervals; 0: none; default 2000", 0, 1e6, false},
    {"seed", RSI_COUNT, "N", offsetof(options, seed), "seed of the bootstrap; default 1", 0, 0,
     false},
    {"accounts", RSI_COUNT, "N", offsetof(options, accounts),
     "accounts there are in all, where no risks file names them; default those named", 0, 0, false},
    {"format", RSI_CHOICE, "text|json", offsetof(options, format),
     "tables for a person, or one JSON document; default text", 0, 0, false},
    {0},
};

static const options defaults = {
    .subject = "account", .suspect = 0.5, .overlap = 0.5, .resamples = 2000, .seed = 1};

/* ---- the document as a list of paths: "rings.cover_f1", "by_kind.0.kind" --------------------- */

#define PATH_MAX_BYTES 128

typedef struct figure {
    char path[PATH_MAX_BYTES];
    rs_text text; /* lent by the reader */
} figure;

typedef struct figures {
    figure *all;
    size_t count, capacity;
} figures;

static rs_status add_figure(figures *f, const char *path, rs_text text, rs_error *err)
{
    if (f->count == f->capacity) {
        size_t wanted = f->capacity == 0 ? 256 : 2 * f->capacity;
        figure *grown = realloc(f->all, wanted * sizeof *grown);
        if (grown == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory (%zu figures)", wanted);
        }
        f->all = grown;
        f->capacity = wanted;
    }
    figure *next = &f->all[f->count++];
    snprintf(next->path, sizeof next->path, "%s", path);
    next->text = text;
    return RS_OK;
}

static rs_status flatten(rsi_json *json, rsi_json_token token, rs_text text, const char *path,
                         figures *f, rs_error *err)
{
    rs_status status = RS_OK;
    char inner[PATH_MAX_BYTES];
    rs_text key = {0};
    bool object = token == RSI_JSON_OBJECT;
    if (token == RSI_JSON_BAD) {
        return rs_fail(err, RS_ECORRUPT, "figures: %s", rsi_json_problem(json));
    }
    if (!object && token != RSI_JSON_ARRAY) {
        return add_figure(f, path, token == RSI_JSON_NULL ? rsi_text("-") : text, err);
    }
    for (size_t i = 0;; i++) {
        token = rsi_json_next(json, &key);
        if (token == RSI_JSON_OBJECT_END || token == RSI_JSON_ARRAY_END) {
            return RS_OK;
        }
        const char *dot = path[0] == '\0' ? "" : ".";
        if (object) {
            snprintf(inner, sizeof inner, "%s%s%.*s", path, dot, (int)key.length, key.bytes);
            token = rsi_json_next(json, &key);
        } else {
            snprintf(inner, sizeof inner, "%s%s%zu", path, dot, i);
        }
        RS_TRY(flatten(json, token, key, inner, f, err));
    }
done:
    return status;
}

/* NULL where the document has no such figure. */
static const rs_text *find(const figures *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->all[i].path, path) == 0) {
            return &f->all[i].text;
        }
    }
    return NULL;
}

/* Six digits behind the point become three; counts stay as they are. */
static void text_cell(rsi_table *t, const rs_text *text)
{
    char copy[32];
    const char *point = memchr(text->bytes, '.', text->length);
    bool real = point != NULL && text->length - (size_t)(point - text->bytes) == 7;
    if (real && text->length < sizeof copy) {
        memcpy(copy, text->bytes, text->length);
        copy[text->length] = '\0';
        rsi_table_cell(t, "%.3f", strtod(copy, NULL));
    } else {
        rsi_table_cell(t, "%.*s", (int)text->length, text->bytes);
    }
}

static void cell(rsi_table *t, const figures *f, const char *head, const char *tail)
{
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s.%s", head, tail);
    const rs_text *text = find(f, path);
    if (text == NULL) {
        rsi_table_cell(t, "-");
    } else {
        text_cell(t, text);
    }
}

static void interval_cell(rsi_table *t, const figures *f, const char *head, const char *tail)
{
    char low[PATH_MAX_BYTES], high[PATH_MAX_BYTES];
    snprintf(low, sizeof low, "%s.%s_interval.0", head, tail);
    snprintf(high, sizeof high, "%s.%s_interval.1", head, tail);
    const rs_text *from = find(f, low), *to = find(f, high);
    if (from == NULL || to == NULL) {
        rsi_table_cell(t, "%s", "");
    } else {
        rsi_table_cell(t, "%.3f to %.3f", strtod(from->bytes, NULL), strtod(to->bytes, NULL));
    }
}

/* ---- tables ------------------------------------------------------------------------------- */

static rs_status finish(rsi_table *t, FILE *out, rs_error *err)
{
    rs_status status = t == NULL ? rs_fail(err, RS_ENOMEM, "out of memory (a table)")
                                 : rsi_table_print(t, out, 2, err);
    rsi_table_free(t);
    return status;
}

static rs_status print_accounts(const figures *f, FILE *out, rs_error *err)
{
    static const char *const heads[] = {"accounts.excluding_known", "accounts.including_known"};
    static const char *const titles[] = {"known left out", "known ones too"};
    static const char *const tails[] = {"accounts", "bad",   "average_precision",
                                        "auc",      "brier", "ece"};
    rsi_table *t = rsi_table_new("lrrrlrrr");
    fputs("accounts by risk\n", out);
    if (t != NULL) {
        const char *names[] = {"",     "accounts", "bad",   "average precision",
                               "95 %", "AUC",      "Brier", "ECE"};
        for (size_t i = 0; i < 8; i++) {
            rsi_table_cell(t, "%s", names[i]);
        }
        for (size_t h = 0; h < 2; h++) {
            rsi_table_cell(t, "%s", titles[h]);
            for (size_t i = 0; i < 3; i++) {
                cell(t, f, heads[h], tails[i]);
            }
            interval_cell(t, f, heads[h], "average_precision");
            for (size_t i = 3; i < 6; i++) {
                cell(t, f, heads[h], tails[i]);
            }
        }
    }
    return finish(t, out, err);
}

static rs_status print_at(const figures *f, FILE *out, rs_error *err)
{
    rsi_table *t = rsi_table_new("rrr");
    fputs("\nfirst k accounts (known left out)\n", out);
    if (t != NULL) {
        rsi_table_cell(t, "k");
        rsi_table_cell(t, "precision");
        rsi_table_cell(t, "lift");
        for (unsigned i = 0; i < 6; i++) {
            char head[PATH_MAX_BYTES];
            snprintf(head, sizeof head, "accounts.excluding_known.at.%u", i);
            cell(t, f, head, "k");
            cell(t, f, head, "precision");
            cell(t, f, head, "lift");
        }
    }
    return finish(t, out, err);
}

static rs_status print_rings(const figures *f, FILE *out, rs_error *err)
{
    static const char *const rows[][2] = {
        {"recall_top_2r", "true rings found among the first 2R"},
        {"recall_suspect", "true rings found at the suspect score"},
        {"recall_all", "true rings found at all"},
        {"precision_top_r", "true among the first R"},
        {"precision_suspect", "true at the suspect score"},
        {"pure_top_r", "at least half one ring, among the first R"},
        {"cover_f1", "cover F1"},
        {"splits", "rings in several pieces"},
        {"merges", "several rings in one"},
        {"brier", "Brier of scores"},
        {"ece", "ECE of scores"},
    };
    rsi_table *t = rsi_table_new("lrl");
    fputs("\nrings\n", out);
    for (size_t i = 0; t != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        rsi_table_cell(t, "%s", rows[i][1]);
        cell(t, f, "rings", rows[i][0]);
        interval_cell(t, f, "rings", rows[i][0]);
    }
    return finish(t, out, err);
}

/* An array of objects: a row each, `columns` of them. */
static rs_status print_list(const figures *f, FILE *out, const char *array, const char *title,
                            const char *align, const char *const *columns, size_t column_count,
                            rs_error *err)
{
    rsi_table *t = rsi_table_new(align);
    char head[PATH_MAX_BYTES], path[PATH_MAX_BYTES];
    fprintf(out, "\n%s\n", title);
    for (size_t k = 0; t != NULL && k < column_count; k++) {
        rsi_table_cell(t, "%s", columns[k]);
    }
    for (size_t i = 0; t != NULL; i++) {
        snprintf(head, sizeof head, "%s.%zu", array, i);
        snprintf(path, sizeof path, "%s.%zu.%s", array, i, columns[0]);
        if (find(f, path) == NULL) {
            break;
        }
        for (size_t k = 0; k < column_count; k++) {
            cell(t, f, head, columns[k]);
        }
    }
    return finish(t, out, err);
}

static rs_status print_lists(const figures *f, FILE *out, rs_error *err)
{
    static const char *const kinds[] = {"kind",          "rings",          "accounts",
                                        "recall_top_2r", "recall_suspect", "accounts_suspect"};
    static const char *const hidings[] = {"hiding",        "rings",          "accounts",
                                          "recall_top_2r", "recall_suspect", "accounts_suspect"};
    static const char *const bins[] = {"accounts", "risk", "bad"};
    static const char *const scores[] = {"clusters", "score", "half_one_ring"};
    static const char *const alarms[] = {"lookalike", "accounts", "risk_suspect",
                                         "cluster_suspect"};
    rs_status status = RS_OK;
    RS_TRY(print_list(f, out, "accounts.excluding_known.reliability",
                      "reliability: mean risk and share of bad ones, by tenths (known left out)",
                      "rrr", bins, 3, err));
    RS_TRY(print_list(f, out, "rings.reliability",
                      "reliability of scores: mean score and share of clusters that are at least "
                      "half one ring",
                      "rrr", scores, 3, err));
    RS_TRY(print_list(f, out, "by_kind", "by kind of ring", "lrrrrr", kinds, 6, err));
    RS_TRY(print_list(f, out, "by_hiding", "by degree of hiding", "lrrrrr", hidings, 6, err));
    RS_TRY(print_list(f, out, "false_alarms", "false alarms: share of honest accounts (-: plain)",
                      "lrrr", alarms, 4, err));
done:
    return status;
}

static rs_status print_tables(const char *document, FILE *out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_json *json = NULL;
    figures f = {0};
    rs_text text = {0};
    RS_TRY(rsi_json_new(&json, err));
    rsi_json_start(json, document, strlen(document));
    rsi_json_token token = rsi_json_next(json, &text);
    RS_TRY(flatten(json, token, text, "", &f, err));
    RS_TRY(print_accounts(&f, out, err));
    RS_TRY(print_at(&f, out, err));
    RS_TRY(print_rings(&f, out, err));
    RS_TRY(print_lists(&f, out, err));
done:
    free(f.all);
    rsi_json_free(json);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    char *document = NULL;
    rs_evaluate_options wanted = {.risks = o->risks,
                                  .blacklist = o->blacklist,
                                  .subject = o->subject,
                                  .suspect = o->suspect,
                                  .overlap = o->overlap,
                                  .resamples = (uint32_t)o->resamples,
                                  .seed = o->seed,
                                  .account_count = o->accounts};
    RS_TRY(rs_evaluate(call->words[0], call->words[1], &wanted, call->work, &document, err));
    if (o->format == 1) {
        fputs(document, call->out);
    } else {
        RS_TRY(print_tables(document, call->out, err));
    }
done:
    free(document);
    return status;
}

const rsi_command rsi_command_evaluate = {
    .name = "evaluate",
    .summary = "measure a report against a truth file",
    .words = "REPORT.json TRUTH.csv [options]",
    .about =
        "Compares the rings of a report with the true ones of a file that `ringscope generate`\n"
        "or an expert wrote (columns account, ring, and where there are: kind, hiding,\n"
        "lookalike). Ties in risk count as their average over all orders; intervals resample\n"
        "whole rings.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
