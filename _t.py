import sys,time,gzip,json,random
import pyarrow as pa, numpy as np
from tokenizer import bpe
from pathlib import Path
from schemas.recipe import Tokenizer
from tests.tokenizer.random_text import random_texts
docs=[json.loads(l)["text"] for l in gzip.open("/work/shared/data/bench/web-00.jsonl.gz")]
print(len(docs), sum(len(d.encode()) for d in docs))
for pat in ("cl100k","gpt2"):
    p=Path(f"/tmp/tok_{pat}.json")
    if not p.exists():
        bpe.save(bpe.train(iter(docs[::2]), Tokenizer(vocab_size=32768,pattern=pat)),p)
    t=time.time(); e=bpe.Encoder(p); print(e.path,e.reason,time.time()-t, e.matcher.origins.alive.sum())
    e(pa.array(["x"],pa.large_string()))
    col=pa.array(docs,pa.large_string())
    for _ in range(2):
        t=time.process_time(); ids=e(col); dt=time.process_time()-t
        print(pat,"MB/s",sum(len(d.encode()) for d in docs)/1e6/dt)
    sub=docs[:600]
    ref=e.tokenizer.encode_batch_fast(sub,add_special_tokens=False)
    bad=sum(r.ids!=i for r,i in zip(ref,ids[:600].to_pylist())); print("bad docs",bad)
    rt=list(random_texts(50000,7))
    ref=e.tokenizer.encode_batch_fast(rt,add_special_tokens=False)
    ours=e(pa.array(rt,pa.large_string())).to_pylist()
    print("bad random",sum(r.ids!=i for r,i in zip(ref,ours)))
