/* rows.c - two columns a block: the number of the input file, the line.
 *
 *   note = [ edges u32 ]   meta = [ edges u64 ]   block = file, line (intcodec.h)
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/rows.h"

#include <stdlib.h>

#include "base/try.h"

struct rsi_rows_coder {
    rsi_intcodec *codec;
    uint64_t file[RSI_INTS_MAX];
    uint64_t line[RSI_INTS_MAX];
};

rs_status rsi_rows_coder_new(rsi_rows_coder **out, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_rows_coder *coder = malloc(sizeof *coder);
    if (coder == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (coder of rows)");
    }
    coder->codec = NULL;
    RS_TRY(rsi_intcodec_new(&coder->codec, err));
    *out = coder;
    coder = NULL;
done:
    rsi_rows_coder_free(coder);
    return status;
}

void rsi_rows_coder_free(rsi_rows_coder *coder)
{
    if (coder != NULL) {
        rsi_intcodec_free(coder->codec);
        free(coder);
    }
}

rs_status rsi_rows_encode(rsi_rows_coder *coder, const uint64_t *file, const uint64_t *line,
                          size_t count, rsi_buffer *out, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_ints_encode(coder->codec, file, count, out, err));
    RS_TRY(rsi_ints_encode(coder->codec, line, count, out, err));
done:
    return status;
}

rs_status rsi_rows_decode(rsi_rows_coder *coder, const uint8_t *bytes, size_t length, size_t count,
                          const uint64_t **file, const uint64_t **line, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_cursor cursor = {bytes, bytes + length};
    if (count > RSI_INTS_MAX) {
        return rs_fail(err, RS_ECORRUPT, "%zu rows in one block", count);
    }
    RS_TRY(rsi_ints_decode(coder->codec, &cursor, count, coder->file, err));
    RS_TRY(rsi_ints_decode(coder->codec, &cursor, count, coder->line, err));
    if (cursor.at != cursor.end) {
        status =
            rs_fail(err, RS_ECORRUPT, "%zu bytes follow the last column", rsi_cursor_left(&cursor));
        goto done;
    }
    *file = coder->file;
    *line = coder->line;
done:
    return status;
}

rs_status rsi_rows_check(const rsi_blockfile *rows, const rsi_blockfile *segment, rs_error *err)
{
    rs_status status = RS_OK;
    if (rows->meta_length != 8 || rows->block_count != segment->block_count) {
        status = rs_fail(err, RS_ECORRUPT, "%zu blocks were expected, as in its segment, found %zu",
                         segment->block_count, rows->block_count);
        goto done;
    }
    for (size_t i = 0; i < rows->block_count; i++) {
        if (rows->blocks[i].note_length != 4 ||
            rsi_load_u32le(rows->blocks[i].note) != rsi_load_u32le(segment->blocks[i].note)) {
            status =
                rs_fail(err, RS_ECORRUPT, "block %zu: its number of edges is not its segment's", i);
            goto done;
        }
    }
done:
    return rs_context(err, status, "%srows file \"%s\"", RSI_INVARIANT(status, "S-12"),
                      rows->ref.name);
}
