/* figures_json.c - the figures as one JSON document with stable keys, six digits behind the point.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/figures.h"

struct out {
    char *bytes;
    size_t count, capacity;
    bool failed;
};

static void put_bytes(struct out *out, const char *bytes, size_t length)
{
    if (out->failed || out->capacity - out->count <= length) {
        size_t wanted = out->capacity * 2 + length + 4096;
        char *grown = out->failed ? NULL : realloc(out->bytes, wanted);
        if (grown == NULL) {
            out->failed = true;
            return;
        }
        out->bytes = grown;
        out->capacity = wanted;
    }
    memcpy(out->bytes + out->count, bytes, length);
    out->count += length;
    out->bytes[out->count] = '\0';
}

static RS_PRINTF(2, 3) void put(struct out *out, const char *format, ...)
{
    char piece[256];
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(piece, sizeof piece, format, rest);
    va_end(rest);
    if (length < 0 || (size_t)length >= sizeof piece) {
        out->failed = true;
        return;
    }
    put_bytes(out, piece, (size_t)length);
}

static void put_real(struct out *out, const char *key, double value)
{
    if (isnan(value)) {
        put(out, "\"%s\": null", key);
    } else {
        put(out, "\"%s\": %.6f", key, value);
    }
}

static void put_interval(struct out *out, const char *key, rsi_interval interval)
{
    if (isnan(interval.low)) {
        put(out, "\"%s\": null", key);
    } else {
        put(out, "\"%s\": [%.6f, %.6f]", key, interval.low, interval.high);
    }
}

/* Text from a file that was checked to be UTF-8. */
static void put_string(struct out *out, rs_text text)
{
    put_bytes(out, "\"", 1);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        if (byte == '"' || byte == '\\') {
            put(out, "\\%c", byte);
        } else if (byte < 0x20) {
            put(out, "\\u%04x", byte);
        } else {
            put_bytes(out, text.bytes + i, 1);
        }
    }
    put_bytes(out, "\"", 1);
}

static void put_word(struct out *out, const char *key, const rsi_ids *words, uint32_t word)
{
    if (word != RSI_NO_ID) {
        put(out, "\"%s\": ", key);
        put_string(out, rsi_ids_text(words, word));
        put(out, ", ");
    }
}

static void put_settings(struct out *out, const rsi_case *c)
{
    const rs_evaluate_options *o = c->options;
    put(out, "  \"settings\": { \"subject\": ");
    put_string(out, (rs_text){o->subject, strlen(o->subject)});
    put(out,
        ", \"suspect\": %.6f, \"overlap\": %.6f, \"resamples\": %u, \"seed\": %" PRIu64 " },\n",
        o->suspect, o->overlap, o->resamples, o->seed);
}

static void put_input(struct out *out, const rsi_case *c, const rsi_figures *f)
{
    put(out, "  \"input\": { \"accounts\": %" PRIu64 ", \"without_risk\": %" PRIu64,
        f->account_count, f->without_risk_count);
    put(out, ", \"known\": %" PRIu64 ", \"rings\": %u, \"ring_accounts\": %" PRIu64, f->known_count,
        c->ring_ids.count, f->ring_account_count);
    put(out, ", \"clusters\": %u, \"members\": %" PRIu64 ", \"repeated_members\": %" PRIu64 " },\n",
        c->cluster_count, c->member_count, c->repeated_member_count);
}

/* `names`: of a bin's count, mean and share. */
static void put_calibration(struct out *out, const rsi_calibration *c, const char *const names[3])
{
    put(out, "      ");
    put_real(out, "brier", c->brier);
    put(out, ", ");
    put_real(out, "ece", c->ece);
    put(out, ",\n      \"reliability\": [");
    for (size_t i = 0; i < c->bin_count; i++) {
        const rsi_reliability *bin = &c->bins[i];
        put(out, "%s{ \"%s\": %" PRIu64 ", ", i == 0 ? "" : ",\n        ", names[0], bin->count);
        put_real(out, names[1], bin->mean);
        put(out, ", ");
        put_real(out, names[2], (double)bin->bad / (double)bin->count);
        put(out, " }");
    }
    put(out, "]");
}

static void put_ranking(struct out *out, const char *key, const rsi_ranking *r, const char *end)
{
    static const char *const names[] = {"accounts", "risk", "bad"};
    double rate =
        r->account_count == 0 ? (double)NAN : (double)r->bad_count / (double)r->account_count;
    put(out, "    \"%s\": { \"accounts\": %" PRIu64 ", \"bad\": %" PRIu64 ",\n      ", key,
        r->account_count, r->bad_count);
    put_real(out, "average_precision", r->average_precision);
    put(out, ", ");
    put_interval(out, "average_precision_interval", r->average_precision_interval);
    put(out, ",\n      ");
    put_real(out, "average_precision_worst", r->average_precision_worst);
    put(out, ", ");
    put_real(out, "auc", r->auc);
    put(out, ", ");
    put_interval(out, "auc_interval", r->auc_interval);
    put(out, ",\n      \"at\": [");
    for (size_t i = 0; i < RSI_AT_COUNT; i++) {
        put(out, "%s{ \"k\": %" PRIu64 ", ", i == 0 ? "" : ",\n        ", r->at[i]);
        put_real(out, "precision", r->precision[i]);
        put(out, ", ");
        put_real(out, "lift", r->bad_count == 0 ? (double)NAN : r->precision[i] / rate);
        put(out, " }");
    }
    put(out, "],\n");
    put_calibration(out, &r->calibration, names);
    put(out, " }%s\n", end);
}

static void put_rings(struct out *out, const rsi_figures *f)
{
    const struct {
        const char *key;
        double value;
        const rsi_interval *interval;
    } rows[] = {
        {"recall_top_2r", f->recall_top, &f->recall_top_interval},
        {"recall_suspect", f->recall_suspect, &f->recall_suspect_interval},
        {"recall_all", f->recall_all, &f->recall_all_interval},
        {"precision_top_r", f->precision_top, NULL},
        {"precision_suspect", f->precision_suspect, NULL},
        {"pure_top_r", f->pure_top, NULL},
        {"cover_f1", f->cover_f1, NULL},
    };
    static const char *const names[] = {"clusters", "score", "half_one_ring"};
    put(out, "  \"rings\": {\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[64];
        put(out, "    ");
        put_real(out, rows[i].key, rows[i].value);
        if (rows[i].interval != NULL) {
            snprintf(key, sizeof key, "%s_interval", rows[i].key);
            put(out, ", ");
            put_interval(out, key, *rows[i].interval);
        }
        put(out, ",\n");
    }
    put(out, "    \"suspect_clusters\": %u, \"splits\": %u, \"merges\": %u,\n", f->suspect_clusters,
        f->split_count, f->merge_count);
    put_calibration(out, &f->calibration, names);
    put(out, " },\n");
}

static void put_share(struct out *out, const rsi_case *c, const rsi_share *s)
{
    put(out, "{ ");
    put_word(out, "kind", &c->words, s->kind);
    put_word(out, "hiding", &c->words, s->hiding);
    put(out, "\"rings\": %u, \"accounts\": %u, ", s->ring_count, s->account_count);
    put_real(out, "recall_top_2r", (double)s->found_top / s->ring_count);
    put(out, ", ");
    put_real(out, "recall_suspect", (double)s->found_suspect / s->ring_count);
    put(out, ", ");
    put_real(out, "accounts_suspect", (double)s->alarmed_count / s->account_count);
    put(out, " }");
}

static int by_text(const rsi_ids *ids, uint32_t a, uint32_t b)
{
    if (a == b || a == RSI_NO_ID || b == RSI_NO_ID) {
        return a == b ? 0 : a == RSI_NO_ID ? 1 : -1;
    }
    rs_text x = rsi_ids_text(ids, a), y = rsi_ids_text(ids, b);
    int order = memcmp(x.bytes, y.bytes, x.length < y.length ? x.length : y.length);
    return order != 0 ? order : x.length < y.length ? -1 : 1;
}

/* In the order of their words: how the truth file's lines stand does not show. */
static void sort_shares(const rsi_case *c, rsi_figures *f)
{
    for (size_t i = 1; i < f->share_count; i++) {
        rsi_share share = f->shares[i];
        size_t to = i;
        for (; to > 0; to--) {
            int order = by_text(&c->words, share.kind, f->shares[to - 1].kind);
            order = order != 0 ? order : by_text(&c->words, share.hiding, f->shares[to - 1].hiding);
            if (order >= 0) {
                break;
            }
            f->shares[to] = f->shares[to - 1];
        }
        f->shares[to] = share;
    }
}

static void sort_alarms(const rsi_case *c, rsi_figures *f)
{
    for (size_t i = 1; i < f->alarm_count; i++) {
        rsi_alarm alarm = f->alarms[i];
        size_t to = i;
        for (;
             to > 0 && by_text(&c->lookalike_ids, alarm.lookalike, f->alarms[to - 1].lookalike) < 0;
             to--) {
            f->alarms[to] = f->alarms[to - 1];
        }
        f->alarms[to] = alarm;
    }
}

/* Breakdown `which`: 0 by kind, 1 by hiding, 2 by both. */
static void put_shares(struct out *out, const rsi_case *c, const rsi_figures *f, int which)
{
    static const char *const keys[] = {"by_kind", "by_hiding", "by_kind_and_hiding"};
    const char *before = "\n    ";
    put(out, "  \"%s\": [", keys[which]);
    for (size_t i = 0; i < f->share_count; i++) {
        const rsi_share *s = &f->shares[i];
        int is = s->hiding == RSI_NO_ID ? 0 : s->kind == RSI_NO_ID ? 1 : 2;
        if (is == which) {
            put(out, "%s", before);
            put_share(out, c, s);
            before = ",\n    ";
        }
    }
    put(out, " ],\n");
}

static void put_alarms(struct out *out, const rsi_case *c, const rsi_figures *f)
{
    put(out, "  \"false_alarms\": [");
    for (size_t i = 0; i < f->alarm_count; i++) {
        const rsi_alarm *a = &f->alarms[i];
        double count = (double)a->account_count;
        put(out, "%s{ ", i == 0 ? "\n    " : ",\n    ");
        if (a->lookalike == RSI_NO_ID) {
            put(out, "\"lookalike\": null, ");
        } else {
            put_word(out, "lookalike", &c->lookalike_ids, a->lookalike);
        }
        put(out, "\"accounts\": %" PRIu64 ", ", a->account_count);
        put_real(out, "risk_suspect", count == 0 ? (double)NAN : (double)a->risk_count / count);
        put(out, ", ");
        put_real(out, "cluster_suspect",
                 count == 0 ? (double)NAN : (double)a->cluster_count / count);
        put(out, " }");
    }
    put(out, " ]\n");
}

rs_status rsi_figures_json(const rsi_case *c, rsi_figures *f, char **json, rs_error *err)
{
    struct out out = {0};
    sort_shares(c, f);
    sort_alarms(c, f);
    put(&out, "{ \"evaluation\": \"ringscope/1\",\n");
    put_settings(&out, c);
    put_input(&out, c, f);
    put(&out, "  \"accounts\": {\n");
    put_ranking(&out, "excluding_known", &f->without_known, ",");
    put_ranking(&out, "including_known", &f->with_known, " },");
    put_rings(&out, f);
    for (int which = 0; which < 3; which++) {
        put_shares(&out, c, f, which);
    }
    put_alarms(&out, c, f);
    put(&out, "}\n");
    if (out.failed) {
        free(out.bytes);
        return rs_fail(err, RS_ENOMEM, "out of memory (figures)");
    }
    *json = out.bytes;
    return RS_OK;
}
