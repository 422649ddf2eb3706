/* risks_read.c - the line of one node in a risks CSV.
 *
 * The file is read as CSV, record by record: an id may hold line ends, quotes and what looks like
 * another node's line, so a search for bytes would find the wrong one.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/csv.h"
#include "base/decimal.h"
#include "base/ringid.h"
#include "base/try.h"
#include "report/runs.h"

static const char *const columns[] = {"type",   "id",     "risk",      "ring",
                                      "spread", "oddity", "ring_score"};
enum { TYPE, ID, RISK, RING, SPREAD, ODDITY, RING_SCORE, COLUMN_COUNT = RSI_RISK_FIELDS };

static bool equal(rs_text a, rs_text b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static rs_status check_header(rsi_csv *csv, const char *path, rs_error *err)
{
    size_t count;
    const rs_text *header = rsi_csv_header(csv, &count);
    bool good = count == COLUMN_COUNT;
    for (size_t i = 0; good && i < COLUMN_COUNT; i++) {
        good = equal(header[i], (rs_text){columns[i], strlen(columns[i])});
    }
    return good ? RS_OK : rs_fail(err, RS_ECORRUPT, "\"%s\": not a file of risks", path);
}

static bool take_millionths(rs_text text, uint32_t *millionths)
{
    int64_t number;
    if (rsi_decimal_parse(text, 6, &number) != NULL || number < 0 || number > RS_MILLION) {
        return false;
    }
    *millionths = (uint32_t)number;
    return true;
}

bool rsi_risk_line_of(const rs_text fields[RSI_RISK_FIELDS], rs_risk_line *line)
{
    bool ringed = fields[RING].length > 0;
    if (ringed && !rsi_ring_id_valid(fields[RING])) {
        return false;
    }
    memcpy(line->ring, fields[RING].bytes, fields[RING].length);
    line->ring[fields[RING].length] = '\0';
    return take_millionths(fields[RISK], &line->risk) &&
           take_millionths(fields[SPREAD], &line->spread) &&
           take_millionths(fields[ODDITY], &line->oddity) &&
           take_millionths(fields[RING_SCORE], &line->ring_score);
}

rs_status rs_risks_find(const char *path, rs_text type, rs_text id, rs_risk_line *line,
                        rs_error *err)
{
    rs_status status = RS_OK;
    rsi_csv *csv = NULL;
    const rs_text *fields;
    uint64_t number;
    memset(line, 0, sizeof *line);
    RS_TRY(rsi_csv_open(&csv, path, err));
    RS_TRY(check_header(csv, path, err));
    do {
        RS_TRY(rsi_csv_next(csv, &fields, &number, err));
        if (fields != NULL && equal(fields[ID], id) && equal(fields[TYPE], type)) {
            if (!rsi_risk_line_of(fields, line)) {
                status = rs_fail(err, RS_ECORRUPT, "\"%s\": line %llu: not the risk of a node",
                                 path, (unsigned long long)number);
            }
            goto done;
        }
    } while (fields != NULL);
done:
    rsi_csv_close(csv);
    return status == RS_EINPUT ? RS_ECORRUPT : status;
}
