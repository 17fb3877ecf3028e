from dataclasses import dataclass
@dataclass(frozen=True)
class GroupProgress:
    lag: int|None; retrying: int|None; dead: int|None; oldest_age_seconds: float|None; in_flight: int|None; topics: tuple=()
def progress(ids):
    import random
    out={}
    for i in ids:
        r=random.Random(i)
        k=i%5
        out[i]=GroupProgress([0,1284,3,0,None][k],[0,12,0,2,None][k],[0,0,7,0,None][k],[None,245.0,2.0,None,None][k],[0,32,1,0,None][k],(1,))
    return out
