/* night_metrics.c - a night in Prometheus' text format, for the node exporter's text files.
 *
 * Unlike the summary it tells when the attempt ended and what it took. What an attempt does not
 * know (rings of a night that was stopped) is left out rather than 0.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "base/timestamp.h"
#include "base/try.h"
#include "cli/night.h"

static void head(rsi_out *out, const char *name, const char *help)
{
    rsi_out_string(out, "# HELP ");
    rsi_out_string(out, name);
    rsi_out_string(out, " ");
    rsi_out_string(out, help);
    rsi_out_string(out, "\n# TYPE ");
    rsi_out_string(out, name);
    rsi_out_string(out, " gauge\n");
}

/* `key` NULL: no label. In a label's value backslash, quote and line end are escaped. */
static void sample(rsi_out *out, const char *name, const char *key, const char *value,
                   uint64_t number)
{
    rsi_out_string(out, name);
    if (key != NULL) {
        rsi_out_string(out, "{");
        rsi_out_string(out, key);
        rsi_out_string(out, "=\"");
        for (const char *at = value; *at != '\0'; at++) {
            rsi_out_string(out, *at == '\\' || *at == '"' ? "\\" : "");
            rsi_out_bytes(out, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
        }
        rsi_out_string(out, "\"}");
    }
    rsi_out_string(out, " ");
    rsi_out_count(out, number);
    rsi_out_string(out, "\n");
}

static void one(rsi_out *out, const char *name, const char *help, uint64_t number)
{
    head(out, name, help);
    sample(out, name, NULL, NULL, number);
}

/* Midnight of a night's date, UTC. */
static uint64_t day_of(const char *date)
{
    rsi_timestamp time = {.unix_s = 0};
    return rsi_timestamp_parse(rsi_text(date), RSI_UNIT_S, &time) == NULL && time.unix_s > 0
               ? (uint64_t)time.unix_s
               : 0;
}

static void put_seconds(rsi_out *out, uint64_t microseconds)
{
    char text[40];
    static const char name[] = "ringscope_attempt_seconds";
    head(out, name, "Wall clock time of the last attempt.");
    snprintf(text, sizeof text, "%s %.3f\n", name, (double)microseconds / 1e6);
    rsi_out_string(out, text);
}

static void put_feeds(rsi_out *out, const rsi_account *account)
{
    const rsi_night *night = account->night;
    head(out, "ringscope_feed_rows", "Rows that a feed brought.");
    for (size_t i = 0; i < night->feed_count; i++) {
        sample(out, "ringscope_feed_rows", "feed", night->feeds[i].match, night->feeds[i].rows);
    }
    head(out, "ringscope_feed_usual_rows", "Median of what it brought in the nights before.");
    for (size_t i = 0; i < night->feed_count; i++) {
        sample(out, "ringscope_feed_usual_rows", "feed", night->feeds[i].match,
               rsi_feed_usual(&night->feeds[i], account->feed_nights));
    }
    head(out, "ringscope_feed_fine", "1: neither missing nor empty nor small.");
    for (size_t i = 0; i < night->feed_count; i++) {
        sample(out, "ringscope_feed_fine", "feed", night->feeds[i].match,
               night->feeds[i].verdict == RSI_FEED_FINE);
    }
}

static void put_rings(rsi_out *out, const rsi_account *account)
{
    const rsi_changes *changes = account->changes;
    one(out, "ringscope_night_rows", "Rows that were read.", account->night->row_count);
    one(out, "ringscope_night_rejected_rows", "Rows that were rejected.",
        account->night->rejected_count);
    one(out, "ringscope_rings", "Rings of the night.", changes->now_count);
    one(out, "ringscope_suspect_rings", "Rings of score 0.5 and more.", changes->suspect_count);
    one(out, "ringscope_awaiting_rings", "Rings that await a second person's verdict.",
        changes->awaiting_count);
    if (account->night->fed.done) {
        one(out, "ringscope_newly_suspected_rings", "Rings that the night noted as suspected.",
            account->night->fed.suspected_count);
        one(out, "ringscope_blacklisted_members", "Members that it put on the blacklist.",
            account->night->fed.added_count);
    }
    head(out, "ringscope_ring_changes", "Rings by what became of them since the night before.");
    for (int kind = 0; kind < RSI_CHANGE_KINDS; kind++) {
        sample(out, "ringscope_ring_changes", "change", rsi_change_name((rsi_change)kind),
               changes->count[kind]);
    }
}

static void put_metrics(rsi_out *out, const rsi_account *account, const rsi_attempt *attempt)
{
    const rsi_night *night = account->night;
    one(out, "ringscope_night_success", "1: the last attempt ended with a night done.",
        account->end == RSI_NIGHT_OK);
    one(out, "ringscope_night_stopped", "1: it was stopped, for a feed was not as usual.",
        account->end == RSI_NIGHT_STOPPED);
    one(out, "ringscope_night_date_seconds", "The night that was attempted: its day, UTC.",
        day_of(night->date));
    one(out, "ringscope_night_done_date_seconds", "The last night that was done: its day, UTC.",
        day_of(account->end == RSI_NIGHT_OK ? night->date : night->last_date));
    one(out, "ringscope_attempt_end_seconds", "When the last attempt ended.",
        (uint64_t)attempt->ended_unix_s);
    put_seconds(out, attempt->microseconds);
    one(out, "ringscope_attempt_peak_memory_bytes", "The most memory that the process had.",
        attempt->peak_memory_bytes);
    put_feeds(out, account);
    if (account->changes != NULL) {
        put_rings(out, account);
    }
}

rs_status rsi_night_metrics(const rsi_account *account, const rsi_attempt *attempt,
                            const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    RS_TRY(rsi_out_open(&out, path, err));
    put_metrics(out, account, attempt);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    return rs_context(err, status, "metrics");
}
