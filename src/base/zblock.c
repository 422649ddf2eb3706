/* zblock.c - zstd behind two calls.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/zblock.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/try.h"

struct rsi_zblock {
    ZSTD_CCtx *pack; /* made when first needed: readers never pack */
    ZSTD_DCtx *unpack;
};

rs_status rsi_zblock_new(rsi_zblock **out, rs_error *err)
{
    rsi_zblock *zblock = calloc(1, sizeof *zblock);
    if (zblock == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (zstd contexts)");
    }
    *out = zblock;
    return RS_OK;
}

void rsi_zblock_free(rsi_zblock *zblock)
{
    if (zblock != NULL) {
        ZSTD_freeCCtx(zblock->pack);
        ZSTD_freeDCtx(zblock->unpack);
        free(zblock);
    }
}

rs_status rsi_zblock_pack(rsi_zblock *zblock, const void *bytes, size_t length, int level,
                          rsi_buffer *out, size_t *packed, rs_error *err)
{
    rs_status status = RS_OK;
    size_t bound = ZSTD_compressBound(length);
    if (zblock->pack == NULL) {
        zblock->pack = ZSTD_createCCtx();
    }
    if (zblock->pack == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (zstd packer)");
    }
    RS_TRY(rsi_buffer_reserve(out, bound, err));
    *packed =
        ZSTD_compressCCtx(zblock->pack, out->bytes + out->length, bound, bytes, length, level);
    if (ZSTD_isError(*packed)) {
        status = rs_fail(err, RS_ENOMEM, "zstd cannot pack %zu bytes: %s", length,
                         ZSTD_getErrorName(*packed));
        goto done;
    }
    out->length += *packed;
done:
    return status;
}

rs_status rsi_zblock_unpack(rsi_zblock *zblock, const void *packed, size_t packed_length,
                            void *bytes, size_t length, rs_error *err)
{
    if (zblock->unpack == NULL) {
        zblock->unpack = ZSTD_createDCtx();
    }
    if (zblock->unpack == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (zstd unpacker)");
    }
    size_t got = ZSTD_decompressDCtx(zblock->unpack, bytes, length, packed, packed_length);
    if (ZSTD_isError(got)) {
        return rs_fail(err, RS_ECORRUPT, "zstd frame: %s", ZSTD_getErrorName(got));
    }
    if (got != length) {
        return rs_fail(err, RS_ECORRUPT, "zstd frame holds %zu bytes where %zu were expected", got,
                       length);
    }
    return RS_OK;
}
