/* Times: any text in any unit; what is accepted lies in range and survives being written and read.
 *
 * Input: one byte for the unit, the rest is the text.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    rsi_timestamp time;
    rsi_timestamp again;
    rs_text text = {(const char *)data + 1, size - 1};
    if (rsi_timestamp_parse(text, (rsi_time_unit)(data[0] % 4), &time) != NULL) {
        return 0;
    }
    char out[32];
    if (time.unix_s < RSI_TIME_MIN || time.unix_s > RSI_TIME_MAX || time.precision_s == 0) {
        abort();
    }
    rs_text written = {out, rsi_timestamp_format(time.unix_s, out)};
    if (rsi_timestamp_parse(written, RSI_UNIT_S, &again) != NULL || again.unix_s != time.unix_s) {
        abort();
    }
    return 0;
}
