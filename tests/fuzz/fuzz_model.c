/* A model's file: what is accepted answers for any values with a risk, the shares of its columns
 * are numbers, and what is written of it reads as the same model. A refusal says where.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "learn/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SUBJECTS = 3 };

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* One value for each subject, the same for all columns. */
static void answer(const rsi_model *model)
{
    float values[SUBJECTS] = {0, -1e30F, 1e30F};
    size_t count = model->column_count;
    rsi_feature *columns = must(calloc(count + 1, sizeof *columns));
    double *part = must(calloc(count + 1, sizeof *part));
    for (size_t c = 0; c < count; c++) {
        columns[c] = (rsi_feature){.name = model->columns[c], .values = values};
    }
    rsi_features features = {.subjects = SUBJECTS, .count = count, .all = columns};
    if (rsi_model_check(model, &features, NULL) != RS_OK ||
        !isfinite(rsi_forest_mean(&model->forest))) {
        abort();
    }
    for (uint32_t v = 0; v < SUBJECTS; v++) {
        if (rsi_model_risk(model, &features, v) > RS_MILLION) {
            abort();
        }
        rsi_forest_parts(&model->forest, &features, v, part);
        for (size_t c = 0; c < count; c++) {
            if (!isfinite(part[c])) {
                abort();
            }
        }
    }
    free(columns);
    free(part);
}

/* Numbers are written with all their digits: once more, and nothing changes. */
static void write_again(rsi_model *model)
{
    rsi_buffer text = {0};
    rsi_buffer more = {0};
    rsi_model again;
    if (rsi_model_write(model, &text, NULL) != RS_OK ||
        rsi_model_parse(&again, "again", text.bytes, text.length, NULL) != RS_OK ||
        strcmp(again.digest, model->digest) != 0 || rsi_model_write(&again, &more, NULL) != RS_OK ||
        more.length != text.length || memcmp(more.bytes, text.bytes, text.length) != 0) {
        abort();
    }
    rsi_model_free(&again);
    rsi_buffer_free(&text);
    rsi_buffer_free(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rsi_model model;
    rs_error err = {0};
    if (rsi_model_parse(&model, "model", data, size, &err) == RS_OK) {
        answer(&model);
        write_again(&model);
        rsi_model_free(&model);
    } else if (err.status != RS_EINPUT || strncmp(err.message, "model: model:", 13) != 0) {
        abort();
    }
    return 0;
}
