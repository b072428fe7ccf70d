export { type QdrantDouble, startQdrantDouble } from './double'
export { clearFaults } from './faults'
