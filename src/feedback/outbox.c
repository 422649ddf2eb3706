/* outbox.c - what other systems have to be told, until they were.
 *
 *   {"key":"3f1c...-17-2","revision":17,"event":"add","type":"account","id":"u17","ring":"R-...",
 *    "source":"ring:R-...","evidence":"9a0c...","run":"77be..."}
 *
 * event: "add" and "remove" (of the blacklist), "suspected" and "withdrawn" (a ring). The key is
 * the same whenever the line is written: a reader passes over those that it has.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/try.h"
#include "feedback/ledger.h"
#include "feedback/verdicts.h"

enum { KEY_DIGITS = 16 };

rs_status rsi_outbox_note(rsi_db *db, int64_t revision, const char *run, rs_error *err)
{
    return rsi_db_run(
        db,
        "INSERT INTO rs_outbox (revision, number, event, type, id, ring, source, evidence_hash, "
        "run, told) SELECT CAST($1 AS BIGINT), ROW_NUMBER() OVER (ORDER BY o.rank, o.type, o.id, "
        "o.source, o.ring), o.event, o.type, o.id, o.ring, o.source, (SELECT v.evidence_hash FROM "
        "rs_verdict v WHERE v.subject = o.ring ORDER BY v.revision DESC LIMIT 1), CAST($2 AS "
        "TEXT), 0 FROM ("
        "SELECT 1 AS rank, 'remove' AS event, type, id, source, CASE WHEN SUBSTR(source, 1, 5) = "
        "'ring:' THEN SUBSTR(source, 6) END AS ring FROM rs_entry WHERE list = 0 AND removed = $1 "
        "UNION ALL "
        "SELECT 2, 'add', type, id, source, CASE WHEN SUBSTR(source, 1, 5) = 'ring:' THEN "
        "SUBSTR(source, 6) END FROM rs_entry WHERE list = 0 AND added = $1 "
        "UNION ALL "
        "SELECT 3, CASE WHEN action = 0 THEN 'suspected' ELSE 'withdrawn' END, NULL, NULL, NULL, "
        "subject FROM rs_verdict WHERE revision = $1 AND action <= 1) o",
        RSI_DB_VALUES(rsi_db_int(revision), rsi_db_string(run)), NULL, err);
}

/* ---- delivering ------------------------------------------------------------------------------ */

static rs_status put(rsi_buffer *out, const char *text, rs_error *err)
{
    return rsi_buffer_add(out, text, strlen(text), err);
}

/* ,"key":"text"; nothing where there is none. */
static rs_status put_text(rsi_buffer *out, const char *key, const rsi_rows *rows, int column,
                          rs_error *err)
{
    rs_status status = RS_OK;
    rs_text text = rsi_rows_text(rows, column);
    if (rsi_rows_null(rows, column)) {
        return RS_OK;
    }
    RS_TRY(put(out, ",\"", err));
    RS_TRY(put(out, key, err));
    RS_TRY(put(out, "\":\"", err));
    RS_TRY(rsi_buffer_reserve(out, 6 * text.length + 1, err));
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.bytes[i];
        if (byte < 0x20 || byte == 0x7F) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "\\u%04x", byte);
            RS_TRY(put(out, escaped, err));
        } else {
            if (byte == '"' || byte == '\\') {
                out->bytes[out->length++] = '\\';
            }
            out->bytes[out->length++] = byte;
        }
    }
    RS_TRY(put(out, "\"", err));
done:
    return status;
}

typedef struct delivery {
    rsi_buffer lines;
    uint64_t count;
    int64_t revision, number; /* of the last line */
} delivery;

static rs_status gather(rsi_db *db, void *context, rs_error *err)
{
    static const char *const keys[] = {"event", "type", "id", "ring", "source", "evidence", "run"};
    rs_status status = RS_OK;
    delivery *d = context;
    rsi_rows *rows = NULL;
    bool have = true;
    char head[160];
    RS_TRY(rsi_db_query(&rows, db,
                        "SELECT o.revision, o.number, a.hash, o.event, o.type, o.id, o.ring, "
                        "o.source, o.evidence_hash, o.run FROM rs_outbox o, rs_audit a WHERE "
                        "a.revision = 1 AND o.told = 0 ORDER BY o.revision, o.number",
                        NULL, 0, err));
    for (;;) {
        RS_TRY(rsi_rows_next(rows, &have, err));
        if (!have) {
            break;
        }
        d->revision = rsi_rows_int(rows, 0, 0);
        d->number = rsi_rows_int(rows, 1, 0);
        rs_text database = rsi_rows_text(rows, 2);
        snprintf(head, sizeof head,
                 "{\"key\":\"%.*s-%" PRId64 "-%" PRId64 "\",\"revision\":%" PRId64, KEY_DIGITS,
                 database.length >= KEY_DIGITS ? database.bytes : "", d->revision, d->number,
                 d->revision);
        RS_TRY(put(&d->lines, head, err));
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            RS_TRY(put_text(&d->lines, keys[i], rows, (int)i + 3, err));
        }
        RS_TRY(put(&d->lines, "}\n", err));
        d->count++;
    }
done:
    rsi_rows_close(rows);
    return status;
}

/* Half a line that a kill left goes: the whole of it comes again. */
static rs_status cut_half_line(int file, rs_error *err)
{
    char last = '\n';
    off_t end = lseek(file, 0, SEEK_END);
    off_t at = end;
    while (at > 0 && pread(file, &last, 1, at - 1) == 1 && last != '\n') {
        at--;
    }
    return at == end || ftruncate(file, at) == 0
               ? RS_OK
               : rs_fail(err, RS_EIO, "cut its last half line off: %s", strerror(errno));
}

static rs_status append_lines(const char *path, const rsi_buffer *lines, rs_error *err)
{
    rs_status status = RS_OK;
    struct stat what;
    int file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
        return rs_fail(err, RS_EIO, "open \"%s\": %s", path, strerror(errno));
    }
    if (flock(file, LOCK_EX) != 0 || fstat(file, &what) != 0) {
        status = rs_fail(err, RS_EIO, "lock: %s", strerror(errno));
        goto done;
    }
    bool plain = S_ISREG(what.st_mode);
    if (plain) {
        RS_TRY(cut_half_line(file, err));
    }
    RS_TRY(rsi_write_all(file, lines->bytes, lines->length, err));
    if (plain) {
        RS_TRY(rsi_sync(file, err));
    }
done:
    close(file);
    return rs_context(err, status, "outbox \"%s\"", path);
}

static rs_status mark_told(rsi_db *db, void *context, rs_error *err)
{
    const delivery *d = context;
    return rsi_db_run(db,
                      "UPDATE rs_outbox SET told = 1 WHERE told = 0 AND (revision < $1 OR "
                      "(revision = $1 AND number <= $2))",
                      RSI_DB_VALUES(rsi_db_int(d->revision), rsi_db_int(d->number)), NULL, err);
}

rs_status rs_ledger_deliver(rs_ledger *ledger, const char *path, uint64_t *count, rs_error *err)
{
    rs_status status = RS_OK;
    delivery d = {.count = 0};
    *count = 0;
    RS_TRY(rsi_db_read(ledger->db, gather, &d, err));
    if (d.count > 0) {
        RS_TRY(append_lines(path, &d.lines, err));
        RS_TRY(rsi_db_write(ledger->db, RSI_LEDGER_LOCK, mark_told, &d, err));
    }
    *count = d.count;
done:
    rsi_buffer_free(&d.lines);
    return status;
}
