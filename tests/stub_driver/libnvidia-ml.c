/* NVIDIA's management library without a GPU, beside libcuda.c: it names the driver's version and counts the cards.
 *
 *   STUB_CUDA_DRIVER   version of the driver (default 575.57.08)
 *   STUB_CUDA_DEVICES  how many cards (default 1)
 */
#include <stdio.h>
#include <stdlib.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3 };

int nvmlInit(void) { return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlInitWithFlags(unsigned flags) { return (void)flags, SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int status) { return status ? "the stub driver does not know" : "success"; }

int nvmlSystemGetDriverVersion(char *text, unsigned size) {
  const char *version = getenv("STUB_CUDA_DRIVER");
  snprintf(text, size, "%s", version ? version : "575.57.08");
  return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  const char *text = getenv("STUB_CUDA_DEVICES");
  *count = text ? (unsigned)atoi(text) : 1;
  return SUCCESS;
}

int nvmlDeviceGetCount(unsigned *count) { return nvmlDeviceGetCount_v2(count); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **card) { return (void)index, *card = NULL, NOT_SUPPORTED; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **card) { return (void)id, *card = NULL, NOT_SUPPORTED; }
