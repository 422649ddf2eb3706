/* night_summary.c - what a night came to: a page that a person reads in a minute, and the same as
 * JSON for what watches over nights.
 *
 * Equal nights give equal bytes: no clock, no timing. What comes from data is escaped: in Markdown,
 * whatever could be markup stands as it is.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/night.h"

enum { SHOWN = 10, IN_JSON = 1000 }; /* rings of each kind */

const char *rsi_night_end_name(rsi_night_end end)
{
    static const char *const names[] = {
        [RSI_NIGHT_OK] = "done", [RSI_NIGHT_STOPPED] = "stopped", [RSI_NIGHT_FAILED] = "failed"};
    return names[end];
}

/* ---- the page -------------------------------------------------------------------------------- */

static void put_number(rsi_out *out, uint64_t number)
{
    char text[RSI_FORMAT_MAX];
    rsi_out_string(out, rsi_format_count(text, number));
}

/* A text from data, for Markdown; the escapes of JSON for quotes and backslashes are Markdown's
 * too. */
static void put_plain(rsi_out *out, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "`*_<>|[]#");
        rsi_out_json_part(out, (rs_text){text, length});
        text += length;
        if (*text != '\0') {
            rsi_out_string(out, "\\");
            rsi_out_bytes(out, text++, 1);
        }
    }
}

static void put_score(rsi_out *out, uint32_t score)
{
    char text[16];
    snprintf(text, sizeof text, "%.3f", (double)score / 1e6);
    rsi_out_string(out, text);
}

static void put_members(rsi_out *out, const rsi_changed_ring *ring)
{
    bool both = ring->member_count_before > 0 && ring->member_count > 0;
    if (both && ring->member_count != ring->member_count_before) {
        put_number(out, ring->member_count_before);
        rsi_out_string(out, " to ");
    }
    put_number(out,
               ring->change == RSI_CHANGE_QUIET ? ring->member_count_before : ring->member_count);
    rsi_out_string(out, " members");
}

/* What people said of it, for what a machine noted by itself is no news. */
static void put_state(rsi_out *out, const rsi_changed_ring *ring)
{
    if (ring->state > RS_STATE_SUSPECTED) {
        rsi_out_string(out, ", ");
        rsi_out_string(out, rs_state_name(ring->state));
        rsi_out_string(out, ring->quiet                       ? " and quiet"
                            : ring->state == RS_STATE_CLEARED ? ", but it has grown since"
                                                              : "");
    }
}

static void put_ring(rsi_out *out, const rsi_changed_ring *ring)
{
    rsi_out_string(out, "- ");
    rsi_out_string(out, ring->id);
    rsi_out_string(out, ", score ");
    put_score(out, ring->change == RSI_CHANGE_QUIET ? ring->score_before : ring->score);
    rsi_out_string(out, ", ");
    put_members(out, ring);
    put_state(out, ring);
    if (ring->reason[0] != '\0') {
        rsi_out_string(out, ": ");
        put_plain(out, ring->reason);
    }
    rsi_out_string(out, "\n");
}

static void put_kind(rsi_out *out, const rsi_changes *changes, rsi_change kind)
{
    static const char *const heads[] = {
        [RSI_CHANGE_NEW] = "New",
        [RSI_CHANGE_GREW] = "Grown",
        [RSI_CHANGE_MERGED] = "Merged: took in others",
        [RSI_CHANGE_SPLIT] = "Split: parts of what was one",
        [RSI_CHANGE_RETURNED] = "Returned",
        [RSI_CHANGE_SHRANK] = "Shrunk",
        [RSI_CHANGE_QUIET] = "Quiet: rings of last night that are none tonight",
        [RSI_CHANGE_SAME] = "As they were",
    };
    size_t shown = 0;
    size_t count = changes->count[kind];
    if (count == 0) {
        return;
    }
    rsi_out_string(out, "\n## ");
    rsi_out_string(out, heads[kind]);
    rsi_out_string(out, " (");
    put_number(out, count);
    rsi_out_string(out, ")\n\n");
    for (size_t i = 0; i < changes->ring_count && shown < SHOWN; i++) {
        if (changes->rings[i].change == kind) {
            put_ring(out, &changes->rings[i]);
            shown++;
        }
    }
    if (count > shown) {
        rsi_out_string(out, "- and ");
        put_number(out, count - shown);
        rsi_out_string(out, " more of lower scores\n");
    }
}

static bool is_awaiting(const rsi_changed_ring *ring)
{
    return ring->state == RS_STATE_CONFIRMED_ONCE;
}

/* Those of this night and the last by name, others by number. */
static void put_awaiting(rsi_out *out, const rsi_changes *changes)
{
    size_t shown = 0;
    if (changes->awaiting_count == 0) {
        return;
    }
    rsi_out_string(out, "\n## Awaiting a second person (");
    put_number(out, changes->awaiting_count);
    rsi_out_string(out, ")\n\n");
    for (size_t i = 0; i < changes->ring_count && shown < SHOWN; i++) {
        if (is_awaiting(&changes->rings[i])) {
            put_ring(out, &changes->rings[i]);
            shown++;
        }
    }
    if (changes->awaiting_count > shown) {
        rsi_out_string(out, shown > 0 ? "- and " : "- ");
        put_number(out, changes->awaiting_count - shown);
        rsi_out_string(out, shown > 0 ? " more\n" : " of earlier nights\n");
    }
}

static void put_fed(rsi_out *out, const rsi_night_fed *fed)
{
    if (!fed->done) {
        rsi_out_string(out, "Nothing was fed back.\n");
        return;
    }
    rsi_out_string(out, "Newly noted as suspected: ");
    put_number(out, fed->suspected_count);
    rsi_out_string(out, "; put on the blacklist: ");
    put_number(out, fed->added_count);
    rsi_out_string(out, " members (confirmed rings: ");
    put_number(out, fed->confirmed_count);
    if (fed->cleared_count > 0) {
        rsi_out_string(out, "; members left out as cleared or whitelisted: ");
        put_number(out, fed->cleared_count);
    }
    rsi_out_string(out, ")");
    if (fed->quiet_count > 0) {
        rsi_out_string(out, "; suspects that stay quiet, for people cleared them: ");
        put_number(out, fed->quiet_count);
    }
    rsi_out_string(out, ".\n");
}

static void put_changes(rsi_out *out, const rsi_changes *changes, const rsi_night_fed *fed)
{
    if (changes->as_of != RS_NO_TIME) {
        rsi_out_string(out, "Looked at events until ");
        rsi_out_time(out, changes->as_of);
        rsi_out_string(out, ".\n");
    }
    rsi_out_string(out, "Rings: ");
    put_number(out, changes->now_count);
    rsi_out_string(out, ", of them suspect: ");
    put_number(out, changes->suspect_count);
    if (changes->compared) {
        rsi_out_string(out, " (last night: ");
        put_number(out, changes->before_count);
        rsi_out_string(out, " and ");
        put_number(out, changes->suspect_before_count);
        rsi_out_string(out, ").\n");
    } else {
        rsi_out_string(out, ". There is no run of a night before to compare with.\n");
    }
    put_fed(out, fed);
    put_awaiting(out, changes);
    for (int kind = 0; kind < RSI_CHANGE_SAME; kind++) {
        put_kind(out, changes, (rsi_change)kind);
    }
    if (changes->count[RSI_CHANGE_SAME] > 0) {
        rsi_out_string(out, "\nAs they were last night: ");
        put_number(out, changes->count[RSI_CHANGE_SAME]);
        rsi_out_string(out, ".\n");
    }
}

static void put_feeds(rsi_out *out, const rsi_account *account)
{
    rsi_out_string(out, "\n## Feeds\n\n| feed | files | rows | usual rows | |\n"
                        "|---|---:|---:|---:|---|\n");
    for (size_t i = 0; i < account->night->feed_count; i++) {
        const rsi_night_feed *feed = &account->night->feeds[i];
        uint64_t usual = rsi_feed_usual(feed, account->feed_nights);
        rsi_out_string(out, "| ");
        put_plain(out, feed->match);
        rsi_out_string(out, " | ");
        put_number(out, feed->file_count);
        rsi_out_string(out, " | ");
        put_number(out, feed->rows);
        rsi_out_string(out, " | ");
        if (usual > 0) {
            put_number(out, usual);
        }
        rsi_out_string(out, " | ");
        rsi_out_string(out, rsi_feed_verdict_name(feed->verdict));
        rsi_out_string(out, " |\n");
    }
}

static void put_page(rsi_out *out, const rsi_account *account)
{
    rsi_out_string(out, "# Night of ");
    rsi_out_string(out, account->night->date);
    rsi_out_string(out, ": ");
    rsi_out_string(out, rsi_night_end_name(account->end));
    rsi_out_string(out, "\n\n");
    if (account->why != NULL) {
        put_plain(out, account->why);
        rsi_out_string(out, "\n");
    }
    if (account->changes != NULL) {
        rsi_out_string(out, "Rows: ");
        put_number(out, account->night->row_count);
        if (account->night->rejected_count > 0) {
            rsi_out_string(out, ", of them rejected: ");
            put_number(out, account->night->rejected_count);
        }
        rsi_out_string(out, ".\n");
        put_changes(out, account->changes, &account->night->fed);
    }
    put_feeds(out, account);
}

rs_status rsi_night_page(const rsi_account *account, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    RS_TRY(rsi_out_open(&out, path, err));
    put_page(out, account);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    return rs_context(err, status, "summary");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_key(rsi_out *out, const char *key)
{
    rsi_out_string(out, ",\n\"");
    rsi_out_string(out, key);
    rsi_out_string(out, "\":");
}

static void put_count(rsi_out *out, const char *before, uint64_t number)
{
    rsi_out_string(out, before);
    rsi_out_count(out, number);
}

static void json_feed(rsi_out *out, const rsi_account *account, const rsi_night_feed *feed)
{
    rsi_out_string(out, "\n{\"match\":");
    rsi_out_json_string(out, feed->match);
    put_count(out, ",\"files\":", feed->file_count);
    put_count(out, ",\"rows\":", feed->rows);
    put_count(out, ",\"usual\":", rsi_feed_usual(feed, account->feed_nights));
    rsi_out_string(out, ",\"verdict\":");
    rsi_out_json_string(out, rsi_feed_verdict_name(feed->verdict));
    rsi_out_string(out, "}");
}

static void json_ring(rsi_out *out, const rsi_changed_ring *ring)
{
    rsi_out_string(out, "\n{\"ring\":");
    rsi_out_json_string(out, ring->id);
    rsi_out_string(out, ",\"change\":");
    rsi_out_json_string(out, rsi_change_name(ring->change));
    rsi_out_string(out, ",\"score\":");
    rsi_out_millionths(out, ring->score);
    put_count(out, ",\"members\":", ring->member_count);
    if (ring->member_count_before > 0) {
        rsi_out_string(out, ",\"score_before\":");
        rsi_out_millionths(out, ring->score_before);
        put_count(out, ",\"members_before\":", ring->member_count_before);
    }
    rsi_out_string(out, ",\"verdict\":");
    rsi_out_json_string(out, rs_state_name(ring->state));
    if (ring->state == RS_STATE_CLEARED) {
        rsi_out_string(out, ring->quiet ? ",\"quiet\":true" : ",\"quiet\":false");
    }
    rsi_out_string(out, ",\"reason\":");
    rsi_out_json_string(out, ring->reason);
    rsi_out_string(out, "}");
}

static void json_fed(rsi_out *out, const rsi_account *account)
{
    const rsi_night_fed *fed = &account->night->fed;
    put_key(out, "feedback");
    if (fed->done) {
        put_count(out, "{\"suspected\":", fed->suspected_count);
        put_count(out, ",\"added\":", fed->added_count);
        put_count(out, ",\"confirmed\":", fed->confirmed_count);
        put_count(out, ",\"cleared\":", fed->cleared_count);
        put_count(out, ",\"quiet\":", fed->quiet_count);
        rsi_out_string(out, "}");
    } else {
        rsi_out_string(out, "null");
    }
    put_key(out, "awaiting");
    rsi_out_count(out, account->changes->awaiting_count);
    put_key(out, "awaiting_rings");
    rsi_out_string(out, "[");
    const char *comma = "";
    size_t shown = 0;
    for (size_t i = 0; i < account->changes->ring_count && shown < IN_JSON; i++) {
        if (is_awaiting(&account->changes->rings[i])) {
            rsi_out_string(out, comma);
            rsi_out_json_string(out, account->changes->rings[i].id);
            comma = ",";
            shown++;
        }
    }
    rsi_out_string(out, "]");
}

static void json_changes(rsi_out *out, const rsi_changes *changes)
{
    size_t shown[RSI_CHANGE_KINDS] = {0};
    const char *comma = "";
    put_key(out, "as_of");
    if (changes->as_of == RS_NO_TIME) {
        rsi_out_string(out, "null");
    } else {
        rsi_out_string(out, "\"");
        rsi_out_time(out, changes->as_of);
        rsi_out_string(out, "\"");
    }
    put_key(out, "rings");
    put_count(out, "{\"count\":", changes->now_count);
    put_count(out, ",\"suspect\":", changes->suspect_count);
    for (int kind = 0; kind < RSI_CHANGE_KINDS; kind++) {
        rsi_out_string(out, ",\"");
        rsi_out_string(out, rsi_change_name((rsi_change)kind));
        put_count(out, "\":", changes->count[kind]);
    }
    rsi_out_string(out, "}");
    put_key(out, "compared");
    rsi_out_string(out, changes->compared ? "true" : "false");
    put_key(out, "changes");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < changes->ring_count; i++) {
        const rsi_changed_ring *ring = &changes->rings[i];
        if (ring->change != RSI_CHANGE_SAME && shown[ring->change]++ < IN_JSON) {
            rsi_out_string(out, comma);
            json_ring(out, ring);
            comma = ",";
        }
    }
    rsi_out_string(out, "]");
}

static void put_json(rsi_out *out, const rsi_account *account)
{
    const rsi_night *night = account->night;
    rsi_out_string(out, "{\"summary\":\"ringscope-night/1\"");
    put_key(out, "night");
    rsi_out_json_string(out, night->date);
    put_key(out, "status");
    rsi_out_json_string(out, rsi_night_end_name(account->end));
    put_key(out, "why");
    rsi_out_json_string(out, account->why != NULL ? account->why : "");
    put_key(out, "feeds");
    rsi_out_string(out, "[");
    for (size_t i = 0; i < night->feed_count; i++) {
        rsi_out_string(out, i > 0 ? "," : "");
        json_feed(out, account, &night->feeds[i]);
    }
    rsi_out_string(out, "]");
    if (account->changes != NULL) {
        put_key(out, "rows");
        rsi_out_count(out, night->row_count);
        put_key(out, "rejected");
        rsi_out_count(out, night->rejected_count);
        json_fed(out, account);
        json_changes(out, account->changes);
    }
    rsi_out_string(out, "}\n");
}

rs_status rsi_night_json(const rsi_account *account, const char *path, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_out *out = NULL;
    RS_TRY(rsi_out_open(&out, path, err));
    put_json(out, account);
    RS_TRY(rsi_out_commit(out, err));
done:
    rsi_out_close(out);
    return rs_context(err, status, "summary");
}
