/* audit.c - the trail: one line an act, each with the hash of the one before.
 *
 *   hash   = BLAKE2b-256 of previous hash, revision, moment, who, what, detail, object hash, why
 *            hash, each behind its length in 8 bytes; before the first line: 64 zeros
 *   object hash, why hash = BLAKE2b-256 of the text, keyed with the line's secret
 *
 * A person who is erased leaves object, why and secret of a line: the two hashes stay, so that the
 * chain still holds, and without the secret nobody finds the name by trying names. The only file
 * that knows libsodium.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/try.h"
#include "feedback/ledger.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- hashes ---------------------------------------------------------------------------------- */

static rsi_hash_text hex_of(const uint8_t hash[RSI_HASH_BYTES])
{
    rsi_hash_text text;
    sodium_bin2hex(text.hex, sizeof text.hex, hash, RSI_HASH_BYTES);
    return text;
}

rsi_hash_text rsi_hash_of(const void *bytes, size_t length)
{
    uint8_t hash[RSI_HASH_BYTES];
    crypto_generichash(hash, sizeof hash, bytes, length, NULL, 0);
    return hex_of(hash);
}

static rsi_hash_text hide(rs_text text, const uint8_t secret[RS_SECRET_BYTES])
{
    uint8_t hash[RSI_HASH_BYTES];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text.bytes, text.length, secret,
                       RS_SECRET_BYTES);
    return hex_of(hash);
}

static void feed(crypto_generichash_state *state, rs_text text)
{
    uint8_t length[8];
    rsi_store_u64le(length, text.length);
    crypto_generichash_update(state, length, sizeof length);
    crypto_generichash_update(state, (const uint8_t *)text.bytes, text.length);
}

static rs_text text_of(const char *string)
{
    return string == NULL ? (rs_text){"", 0} : (rs_text){string, strlen(string)};
}

/* A line as it is hashed. */
typedef struct line {
    rs_text previous;
    int64_t revision;
    int64_t when_unix_s;
    rs_text who, what, detail, object_hash, why_hash;
} line;

static rsi_hash_text chain(const line *l)
{
    uint8_t hash[RSI_HASH_BYTES];
    crypto_generichash_state state;
    char revision[24];
    char when[24];
    snprintf(revision, sizeof revision, "%" PRId64, l->revision);
    snprintf(when, sizeof when, "%" PRId64, l->when_unix_s);
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    const rs_text fields[] = {l->previous, text_of(revision), text_of(when),  l->who,
                              l->what,     l->detail,         l->object_hash, l->why_hash};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        feed(&state, fields[i]);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    return hex_of(hash);
}

/* ---- writing --------------------------------------------------------------------------------- */

static rs_status read_head(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger_head *head = context;
    rsi_rows *rows = NULL;
    bool have = false;
    *head = (rs_ledger_head){.revision = 0};
    memcpy(head->hash, zeros, sizeof zeros);
    RS_TRY(rsi_db_query(&rows, db,
                        "SELECT revision, hash FROM rs_audit ORDER BY revision DESC LIMIT 1", NULL,
                        0, err));
    RS_TRY(rsi_rows_next(rows, &have, err));
    if (have) {
        rs_text hash = rsi_rows_text(rows, 1);
        head->revision = rsi_rows_int(rows, 0, 0);
        if (hash.length != RS_HEAD_LENGTH || head->revision < 1) {
            status = rs_fail(err, RS_ECORRUPT, "%s: the last line of the audit trail is damaged",
                             rsi_db_name(db));
            goto done;
        }
        memcpy(head->hash, hash.bytes, RS_HEAD_LENGTH);
    }
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rs_ledger_head_read(rs_ledger *ledger, rs_ledger_head *head, rs_error *err)
{
    return rsi_db_read(ledger->db, read_head, head, err);
}

rs_status rsi_ledger_next(rsi_db *db, int64_t *revision, rs_error *err)
{
    rs_ledger_head head = {.revision = 0};
    rs_status status = read_head(db, &head, err);
    *revision = head.revision + 1;
    return status;
}

rs_status rsi_audit_add(rsi_db *db, int64_t revision, const rs_act *act, const rsi_deed *deed,
                        rs_error *err)
{
    rs_status status = RS_OK;
    rs_ledger_head head;
    char secret[2 * RS_SECRET_BYTES + 1];
    RS_TRY(read_head(db, &head, err));
    if (head.revision + 1 != revision) {
        status = rs_fail(err, RS_ECORRUPT, "%s: revision %" PRId64 " stands in the audit trail",
                         rsi_db_name(db), head.revision);
        goto done;
    }
    sodium_bin2hex(secret, sizeof secret, act->secret, RS_SECRET_BYTES);
    rsi_hash_text object = hide(text_of(deed->object), act->secret);
    rsi_hash_text why = hide(text_of(act->why), act->secret);
    line l = {.previous = text_of(head.hash),
              .revision = revision,
              .when_unix_s = act->when_unix_s,
              .who = text_of(act->who),
              .what = text_of(deed->what),
              .detail = text_of(deed->detail),
              .object_hash = text_of(object.hex),
              .why_hash = text_of(why.hex)};
    rsi_hash_text hash = chain(&l);
    RS_TRY(rsi_db_run(
        db, "INSERT INTO rs_audit VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        RSI_DB_VALUES(rsi_db_int(revision), rsi_db_int(act->when_unix_s), rsi_db_text(l.who),
                      rsi_db_text(l.what), rsi_db_string(deed->object), rsi_db_string(act->why),
                      rsi_db_text(l.detail), rsi_db_string(secret), rsi_db_text(l.object_hash),
                      rsi_db_text(l.why_hash), rsi_db_string(hash.hex)),
        NULL, err));
done:
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum { REVISION, WHEN, WHO, WHAT, OBJECT, WHY, DETAIL, SECRET, OBJECT_HASH, WHY_HASH, HASH };
#define COLUMNS                                                                                    \
    "revision, when_unix_s, who, what, object, why, detail, secret, object_hash, why_hash, hash"

typedef struct listing {
    int64_t from;
    rs_audit_taker take;
    void *context;
} listing;

static rs_status list_lines(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const listing *l = context;
    rsi_rows *rows = NULL;
    bool have = true;
    RS_TRY(rsi_db_query(&rows, db,
                        "SELECT " COLUMNS " FROM rs_audit WHERE revision >= $1 ORDER BY revision",
                        RSI_DB_VALUES(rsi_db_int(l->from)), err));
    for (;;) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        rs_audit_line one = {.revision = rsi_rows_int(rows, REVISION, 0),
                             .when_unix_s = rsi_rows_int(rows, WHEN, 0),
                             .who = rsi_rows_text(rows, WHO),
                             .what = rsi_rows_text(rows, WHAT),
                             .object = rsi_rows_text(rows, OBJECT),
                             .why = rsi_rows_text(rows, WHY),
                             .detail = rsi_rows_text(rows, DETAIL),
                             .erased = rsi_rows_null(rows, SECRET),
                             .hash = rsi_rows_text(rows, HASH)};
        RS_TRY(l->take(l->context, &one, err));
    }
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rs_ledger_audit(rs_ledger *ledger, int64_t from, rs_audit_taker take, void *context,
                          rs_error *err)
{
    listing l = {.from = from, .take = take, .context = context};
    return rsi_db_read(ledger->db, list_lines, &l, err);
}

/* ---- verifying ------------------------------------------------------------------------------- */

typedef struct verifying {
    const rs_ledger_head *anchors;
    size_t anchor_count;
    rs_audit_result *result;
} verifying;

RS_PRINTF(2, 3) static void note(rs_audit_result *result, const char *format, ...)
{
    result->problem_count++;
    if (result->kept_count < RS_AUDIT_KEPT) {
        va_list args;
        va_start(args, format);
        char *text = NULL;
        if (vasprintf(&text, format, args) >= 0) {
            result->kept[result->kept_count++] = text;
        }
        va_end(args);
    }
}

void rs_audit_free(rs_audit_result *result)
{
    for (size_t i = 0; i < result->kept_count; i++) {
        free(result->kept[i]);
    }
    *result = (rs_audit_result){.kept_count = 0};
}

static bool equal(rs_text a, rs_text b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/* The texts that may be erased, against their hashes. */
static bool texts_hold(const rsi_rows *rows)
{
    uint8_t secret[RS_SECRET_BYTES];
    size_t length = 0;
    rs_text hex = rsi_rows_text(rows, SECRET);
    if (rsi_rows_null(rows, SECRET)) {
        return rsi_rows_null(rows, OBJECT) && rsi_rows_null(rows, WHY);
    }
    if (sodium_hex2bin(secret, sizeof secret, hex.bytes, hex.length, NULL, &length, NULL) != 0 ||
        length != sizeof secret) {
        return false;
    }
    return equal(text_of(hide(rsi_rows_text(rows, OBJECT), secret).hex),
                 rsi_rows_text(rows, OBJECT_HASH)) &&
           equal(text_of(hide(rsi_rows_text(rows, WHY), secret).hex),
                 rsi_rows_text(rows, WHY_HASH));
}

static void hold_anchors(const verifying *v, int64_t revision, rs_text hash)
{
    for (size_t i = 0; i < v->anchor_count; i++) {
        if (v->anchors[i].revision == revision && !equal(text_of(v->anchors[i].hash), hash)) {
            note(v->result,
                 "revision %" PRId64 " is not the line that was seen before (hash %.16s..., "
                 "expected %.16s...)",
                 revision, hash.length >= 16 ? hash.bytes : "?", v->anchors[i].hash);
        }
    }
}

static void verify_line(const verifying *v, const rsi_rows *rows, rs_text previous,
                        int64_t expected)
{
    line l = {.previous = previous,
              .revision = rsi_rows_int(rows, REVISION, 0),
              .when_unix_s = rsi_rows_int(rows, WHEN, 0),
              .who = rsi_rows_text(rows, WHO),
              .what = rsi_rows_text(rows, WHAT),
              .detail = rsi_rows_text(rows, DETAIL),
              .object_hash = rsi_rows_text(rows, OBJECT_HASH),
              .why_hash = rsi_rows_text(rows, WHY_HASH)};
    rs_text hash = rsi_rows_text(rows, HASH);
    if (l.revision != expected) {
        note(v->result, "revisions %" PRId64 " to %" PRId64 " are missing", expected,
             l.revision - 1);
    } else if (!equal(text_of(chain(&l).hex), hash)) {
        note(v->result, "revision %" PRId64 " was changed, or does not follow the line before it",
             l.revision);
    } else if (!texts_hold(rows)) {
        note(v->result, "revision %" PRId64 ": whom or why was changed", l.revision);
    }
    hold_anchors(v, l.revision, hash);
}

/* What the tables say was done after the last line. */
static rs_status verify_end(rsi_db *db, const verifying *v, rs_error *err)
{
    rs_status status = RS_OK;
    int64_t last = 0;
    int64_t head = v->result->head.revision;
    RS_TRY(rsi_db_number(db,
                         "SELECT MAX(CASE WHEN removed < 9223372036854775807 THEN removed ELSE "
                         "added END) FROM rs_entry",
                         NULL, 0, 0, &last, err));
    if (last > head) {
        note(v->result, "lines after revision %" PRId64 " are missing: entries are of %" PRId64,
             head, last);
    }
    for (size_t i = 0; i < v->anchor_count; i++) {
        if (v->anchors[i].revision > head) {
            note(v->result,
                 "lines after revision %" PRId64 " are missing: %" PRId64 " was seen before", head,
                 v->anchors[i].revision);
        }
    }
done:
    return status;
}

static rs_status verify(rsi_db *db, void *context, rs_error *err)
{
    rs_status status = RS_OK;
    const verifying *v = context;
    rsi_rows *rows = NULL;
    bool have = true;
    int64_t expected = 1;
    rs_ledger_head *head = &v->result->head;
    *head = (rs_ledger_head){.revision = 0};
    memcpy(head->hash, zeros, sizeof zeros);
    RS_TRY(rsi_db_query(&rows, db, "SELECT " COLUMNS " FROM rs_audit ORDER BY revision", NULL, 0,
                        err));
    for (;;) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        verify_line(v, rows, text_of(head->hash), expected);
        rs_text hash = rsi_rows_text(rows, HASH);
        head->revision = rsi_rows_int(rows, REVISION, 0);
        memset(head->hash, 0, sizeof head->hash);
        memcpy(head->hash, hash.bytes, hash.length < RS_HEAD_LENGTH ? hash.length : RS_HEAD_LENGTH);
        expected = head->revision + 1;
        v->result->line_count++;
    }
    rsi_rows_close(rows);
    rows = NULL;
    RS_TRY(verify_end(db, v, err));
done:
    rsi_rows_close(rows);
    return status;
}

rs_status rs_ledger_verify(rs_ledger *ledger, const rs_ledger_head *anchors, size_t anchor_count,
                           rs_audit_result *result, rs_error *err)
{
    verifying v = {.anchors = anchors, .anchor_count = anchor_count, .result = result};
    *result = (rs_audit_result){.kept_count = 0};
    return rsi_db_read(ledger->db, verify, &v, err);
}
