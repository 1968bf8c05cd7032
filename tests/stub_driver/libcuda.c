/* A CUDA driver without a GPU: it answers what TensorFlow asks before it registers a device, and computes nothing.
 *
 * Built as libcuda.so.1; its folder goes to LD_LIBRARY_PATH. What it claims to be comes from environment variables:
 *   STUB_CUDA_DEVICES     how many cards (default 1)
 *   STUB_CUDA_CAPABILITY  compute capability (default 9.0)
 *   STUB_CUDA_NAME        name of the cards (default Stub GPU)
 *   STUB_CUDA_MEMORY_MB   memory of each [MiB] (default 81559)
 *   STUB_CUDA_VERSION     newest CUDA that this driver works with (default 12.9)
 *   STUB_CUDA_MODE        compute mode: 0 default, 2 prohibited, 3 exclusive process
 *   STUB_CUDA_INIT        what cuInit returns (default 0, success)
 * CUDA_VISIBLE_DEVICES hides and reorders cards by number, as in the real one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, NO_DEVICE = 100, NOT_FOUND = 500, UNKNOWN = 999 };
enum { MOST_DEVICES = 64 };

typedef int result;
typedef int device;
typedef void *context;

static context current;

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtol(text, NULL, 10) : otherwise;
}

/* "8.6" -> 8 and 6 */
static void pair(const char *name, int *first, int *second) {
  const char *text = getenv(name);
  if (text) sscanf(text, "%d.%d", first, second);
}

/* Numbers of the visible cards, in order; the first that does not exist hides all after it. */
static int visible(device *cards) {
  long count = number("STUB_CUDA_DEVICES", 1);
  const char *text = getenv("CUDA_VISIBLE_DEVICES");
  int found = 0;
  if (!text) {
    for (; found < count && found < MOST_DEVICES; found++) cards[found] = found;
    return found;
  }
  while (*text && found < MOST_DEVICES) {
    char *end;
    long card = strtol(text, &end, 10);
    if (end == text || card < 0 || card >= count) break;
    cards[found++] = (device)card;
    text = *end == ',' ? end + 1 : end;
  }
  return found;
}

result cuInit(unsigned flags) {
  device cards[MOST_DEVICES];
  long wanted = number("STUB_CUDA_INIT", SUCCESS);
  (void)flags;
  return wanted ? (result)wanted : visible(cards) ? SUCCESS : NO_DEVICE;
}

result cuDriverGetVersion(int *version) {
  int major = 12, minor = 9;
  pair("STUB_CUDA_VERSION", &major, &minor);
  *version = 1000 * major + 10 * minor;
  return SUCCESS;
}

result cuDeviceGetCount(int *count) {
  device cards[MOST_DEVICES];
  *count = visible(cards);
  return SUCCESS;
}

result cuDeviceGet(device *card, int ordinal) {
  device cards[MOST_DEVICES];
  if (ordinal < 0 || ordinal >= visible(cards)) return 101;
  *card = ordinal;
  return SUCCESS;
}

result cuDeviceGetName(char *name, int size, device card) {
  const char *text = getenv("STUB_CUDA_NAME");
  (void)card;
  snprintf(name, (size_t)size, "%s", text ? text : "Stub GPU");
  return SUCCESS;
}

result cuDeviceGetUuid(unsigned char *uuid, device card) {
  device cards[MOST_DEVICES];
  visible(cards);
  memset(uuid, 0, 16);
  uuid[15] = (unsigned char)cards[card];
  return SUCCESS;
}

result cuDeviceGetUuid_v2(unsigned char *uuid, device card) { return cuDeviceGetUuid(uuid, card); }

result cuDeviceTotalMem_v2(size_t *bytes, device card) {
  (void)card;
  *bytes = (size_t)number("STUB_CUDA_MEMORY_MB", 81559) << 20;
  return SUCCESS;
}

result cuMemGetInfo_v2(size_t *available, size_t *total) {
  cuDeviceTotalMem_v2(total, 0);
  *available = *total;
  return SUCCESS;
}

result cuDeviceGetPCIBusId(char *text, int size, device card) {
  device cards[MOST_DEVICES];
  visible(cards);
  snprintf(text, (size_t)size, "0000:%02x:00.0", cards[card] + 1);
  return SUCCESS;
}

result cuDeviceComputeCapability(int *major, int *minor, device card) {
  (void)card;
  *major = 9, *minor = 0;
  pair("STUB_CUDA_CAPABILITY", major, minor);
  return SUCCESS;
}

result cuDeviceGetAttribute(int *value, int attribute, device card) {
  int major, minor;
  cuDeviceComputeCapability(&major, &minor, card);
  switch (attribute) {
    case 1: *value = 1024; break;                                    /* threads a block */
    case 2: case 3: case 4: *value = 1024; break;                    /* a block's sides */
    case 5: case 6: case 7: *value = 65535; break;                   /* a grid's sides */
    case 8: *value = 49152; break;                                   /* shared memory a block */
    case 10: *value = 32; break;                                     /* warp */
    case 12: *value = 65536; break;                                  /* registers a block */
    case 13: *value = 1500000; break;                                /* clock [kHz] */
    case 16: *value = 80; break;                                     /* multiprocessors */
    case 20: *value = (int)number("STUB_CUDA_MODE", 0); break;       /* compute mode */
    case 36: *value = 1000000; break;                                /* memory clock [kHz] */
    case 37: *value = 5120; break;                                   /* memory bus [bits] */
    case 38: *value = 6 << 20; break;                                /* level 2 cache */
    case 39: *value = 2048; break;                                   /* threads a multiprocessor */
    case 75: *value = major; break;
    case 76: *value = minor; break;
    case 81: *value = 98304; break;                                  /* shared memory a multiprocessor */
    case 82: *value = 65536; break;                                  /* registers a multiprocessor */
    case 97: *value = 98304; break;                                  /* shared memory a block may opt into */
    default: *value = 0;
  }
  return SUCCESS;
}

result cuDeviceGetProperties(int *properties, device card) {
  static const int values[] = {1024, 1024, 1024, 64, 65535, 65535, 65535, 49152, 65536, 32, 1 << 20, 65536, 1500000, 512};
  (void)card;
  memcpy(properties, values, sizeof values);
  return SUCCESS;
}

result cuDeviceCanAccessPeer(int *can, device one, device other) {
  (void)one, (void)other;
  *can = 0;
  return SUCCESS;
}

result cuDevicePrimaryCtxRetain(context *found, device card) {
  *found = (context)(uintptr_t)(0x1000 + card);
  return SUCCESS;
}

result cuDevicePrimaryCtxGetState(device card, unsigned *flags, int *active) {
  (void)card;
  *flags = 0, *active = 0;
  return SUCCESS;
}

result cuDevicePrimaryCtxSetFlags(device card, unsigned flags) { return (void)card, (void)flags, SUCCESS; }
result cuDevicePrimaryCtxSetFlags_v2(device card, unsigned flags) { return (void)card, (void)flags, SUCCESS; }
result cuDevicePrimaryCtxRelease(device card) { return (void)card, SUCCESS; }
result cuDevicePrimaryCtxRelease_v2(device card) { return (void)card, SUCCESS; }
result cuCtxGetCurrent(context *found) { return *found = current, SUCCESS; }
result cuCtxSetCurrent(context wanted) { return current = wanted, SUCCESS; }

result cuCtxGetDevice(device *card) {
  *card = current ? (device)((uintptr_t)current - 0x1000) : 0;
  return SUCCESS;
}

result cuGetErrorName(result status, const char **text) {
  *text = status == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : status == 803 ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : "CUDA_ERROR_UNKNOWN";
  return SUCCESS;
}

result cuGetErrorString(result status, const char **text) {
  *text = status == NO_DEVICE ? "no CUDA-capable device is detected" : "the stub driver computes nothing";
  return SUCCESS;
}

result cuGetExportTable(const void **table, const void *id) { return *table = NULL, (void)id, NOT_FOUND; }

/* Stands for every function that is not above. */
static result refuse(void) { return UNKNOWN; }

result cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
  char newer[128];
  (void)version, (void)flags;
  snprintf(newer, sizeof newer, "%s_v2", name);
  void *own = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  void *found = own ? dlsym(own, newer) : NULL;
  if (own && !found) found = dlsym(own, name);
  *function = found ? found : (void *)refuse;
  return SUCCESS;
}

result cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
  if (status) *status = 0;
  return cuGetProcAddress(name, function, version, flags);
}
